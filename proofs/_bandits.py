"""MABWiser's side of the proof `bandit`: the same rewards, in batches of the same size; run in .venvs/bandit.

    python proofs/_bandits.py REWARDS.npy BATCH DELAY SEED          prints {policy: regret}

Source: MABWiser 2.7.4, MAB(arms, LearningPolicy...).predict / partial_fit.
"""

from __future__ import annotations

import json
import sys

import numpy as np


def main() -> None:
    """Play all policies on each of the tables of rewards."""
    from mabwiser.mab import MAB, LearningPolicy

    rewards, chances = (np.load(path) for path in sys.argv[1].split(","))
    batch, delay, seed = (int(text) for text in sys.argv[2:5])
    policies = {
        "epsilon_greedy": LearningPolicy.EpsilonGreedy(epsilon=0.1),
        "ucb1": LearningPolicy.UCB1(alpha=1.0),
        "thompson": LearningPolicy.ThompsonSampling(),
    }
    found = {}
    arms = list(range(rewards.shape[1]))
    for name, policy in policies.items():
        bandit = MAB(arms, policy, seed=seed)
        # MABWiser asks to be fitted before it predicts: one reward an arm, which is not counted.
        bandit.fit(arms, rewards[0].tolist())
        chosen: list[int] = []
        told = 0
        for start in range(0, len(rewards), batch):
            known = max(0, start - delay)
            if known > told:
                some = chosen[told:known]
                bandit.partial_fit(some, [float(rewards[told + place, arm]) for place, arm in enumerate(some)])
                told = known
            chosen += [bandit.predict() for _ in range(min(batch, len(rewards) - start))]
        picked = chances[np.arange(len(chosen)), chosen]
        found[name] = float((chances.max(axis=1) - picked).sum())
    print(json.dumps(found))


if __name__ == "__main__":
    main()

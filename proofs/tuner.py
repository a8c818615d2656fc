"""Proof `tuner`: searches are as good as Optuna run directly, and a killed worker's trial is done once.

Part one: 50 trials on Branin (2 parameters) and Hartmann6 (6), 60 seeds each, every trial suggested, taken and ended
through the store. Against Optuna's own loop (`study.optimize`, TPESampler as it comes): our adapter to Optuna, the
default searcher, and random draws. A one-sided Mann-Whitney test asks whether ours is worse; at p < 0.01 it would be.

Part two: `hr.tune` with two workers, each killed with SIGKILL in the middle of trials, a trial at most twice. Every
trial must be counted once, and trials, values and best must be those of a search that nobody disturbed.

    python proofs/tuner.py [--share 50] [--seed 1]       --share N: 1/N of the seeds and of the kills, at least 3
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

NUM_TRIALS = 50
NUM_SEEDS = 60
NUM_KILLS = 30

_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def branin(params: Mapping[str, float]) -> float:
    """Least value 0.397887. Source: Dixon and Szego, 1978."""
    x, y = params["x"], params["y"]
    bowl = (y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6) ** 2
    return bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(params: Mapping[str, float]) -> float:
    """Least value -3.32237. Source: Dixon and Szego, 1978."""
    point = np.array([params[f"x{index}"] for index in range(6)])
    return -float((_ALPHA * np.exp(-(_A * (point - _P) ** 2).sum(1))).sum())


FUNCTIONS: dict[str, tuple[Callable[[Mapping[str, float]], float], dict[str, tuple[float, float]]]] = {
    "branin": (branin, {"x": (-5.0, 10.0), "y": (0.0, 15.0)}),
    "hartmann6": (hartmann6, {f"x{index}": (0.0, 1.0) for index in range(6)}),
}


def direct(name: str, seed: int) -> float:
    """Optuna's own loop, as its tutorial has it."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    function, ends = FUNCTIONS[name]
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(
        lambda trial: function({key: trial.suggest_float(key, *pair) for key, pair in ends.items()}),
        n_trials=NUM_TRIALS,
    )
    return float(study.best_value)


def ours(name: str, searcher: str, seed: int, store: Any) -> float:
    """A study in the store, each trial suggested, taken and ended there; then replayed from its log."""
    from headrace.training import Float
    from headrace.tuning import Study
    from headrace.tuning.studies import searcher_of

    function, ends = FUNCTIONS[name]
    space = {key: Float(*pair) for key, pair in ends.items()}
    study = Study(space, searcher_of(searcher), seed=seed, workers=1)
    label = f"{name} {searcher} {seed}"
    store.open_study(label, study.to_plain())
    while (trial := store.take_trial(label, lambda rows: study.next(rows, NUM_TRIALS))) is not None:
        store.end_trial(trial, "succeeded", value=function(trial.params))
    rows = store.trials(label)
    if seed == 0 and study.replay(rows) != [row.params for row in rows]:
        raise SystemExit(f"{label}: the replay of its log suggests other trials")
    best = study.best(rows)
    assert best is not None and best.value is not None
    return float(best.value)


def chance_of_worse(mine: list[float], others: list[float]) -> float:
    """One-sided Mann-Whitney: how often chance alone puts `mine` (smaller = better) this far above `others`."""
    values = sorted([*mine, *others])
    ranks = {
        value: np.mean([place + 1 for place, other in enumerate(values) if other == value]) for value in set(values)
    }
    num_mine, num_others = len(mine), len(others)
    above = sum(ranks[value] for value in mine) - num_mine * (num_mine + 1) / 2
    total = num_mine + num_others
    ties = sum(count**3 - count for count in Counter(values).values())
    spread = math.sqrt(num_mine * num_others / 12 * (total + 1 - ties / (total * (total - 1))))
    score = (above - num_mine * num_others / 2 - 0.5) / spread if spread else 0.0
    return 0.5 * math.erfc(score / math.sqrt(2))


def compare(num_seeds: int, folder: Path) -> bool:
    """Part one; whether nothing of ours that must not be is worse."""
    from headrace.store import Store

    is_right = True
    with Store.open(folder / "searches") as store:
        for name in FUNCTIONS:
            started = time.monotonic()
            peer = [direct(name, seed) for seed in range(num_seeds)]
            peer_s = time.monotonic() - started
            for searcher in ("optuna", "gaussian_process", "random"):
                started = time.monotonic()
                found = [ours(name, searcher, seed, store) for seed in range(num_seeds)]
                chance = chance_of_worse(found, peer)
                is_right &= chance >= 0.01 or searcher == "random"
                line = {
                    "proof": "tuner",
                    "function": name,
                    "searcher": searcher,
                    "trials": NUM_TRIALS,
                    "seeds": num_seeds,
                    "median": round(float(np.median(found)), 5),
                    "worst": round(max(found), 5),
                    "median_optuna_direct": round(float(np.median(peer)), 5),
                    "worst_optuna_direct": round(max(peer), 5),
                    "p_worse": float(f"{chance:.3g}"),
                    "p_better": float(f"{chance_of_worse(peer, found):.3g}"),
                    "ms_a_trial": round(1e3 * (time.monotonic() - started) / num_seeds / NUM_TRIALS, 1),
                    "ms_a_trial_optuna_direct": round(1e3 * peer_s / num_seeds / NUM_TRIALS, 1),
                }
                print(json.dumps(line), flush=True)
    return is_right


class Killer:
    """Kills a worker of this process's search at random moments of a trial that was not killed twice before."""

    def __init__(self, store: Any, draw: random.Random) -> None:
        self._store, self._draw = store, draw
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.num_kills = 0

    def __enter__(self) -> Killer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._is_over.wait(self._draw.uniform(0.05, 0.5)):
            held = [
                (study.name, row.number, self._store.lease(f"trial:{study.name}:{row.number}"))
                for study in self._store.studies()
                for row in self._store.trials(study.name)
                if row.state == "running"
            ]
            # Attempts are counted after the leases were read: whoever held one then is at that attempt or an earlier.
            alive = [
                lease.pid
                for name, number, lease in held
                if lease is not None and lease.pid in workers() and self._store.trials(name)[number].num_attempts < 3
            ]
            if alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._draw.choice(alive), signal.SIGKILL)
                    self.num_kills += 1


def workers() -> list[int]:
    """The processes that this one's foreman has forked."""
    return [pid for boss in children(os.getpid()) for pid in children(boss)]


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    found = []
    for thread in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in (thread / "children").read_text().split()]
    return sorted(found)


def kills(num_kills: int, seed: int, folder: Path) -> bool:
    """Part two; whether every disturbed search was the undisturbed one."""
    import pyarrow as pa

    import headrace as hr

    random_ = np.random.default_rng(7)
    num_rows = 20_000
    x, y = random_.normal(size=num_rows), random_.normal(size=num_rows)
    label = x * y + random_.normal(size=num_rows) > 0
    table = pa.table({"id": np.arange(num_rows), "x": x, "y": y, "label": label})
    dataset = hr.Dataset.from_arrow(table, label="label", key=["id"], split={"train": 8, "eval": 2})
    graph = hr.transform(lambda columns: {"x": columns.x, "y": columns.y}, dataset)
    trainer = hr.XGBoost(n_estimators=100)

    def search() -> Any:
        return hr.tune(trainer, graph, dataset, trials=12, workers=2)

    with hr.open_store(folder / "undisturbed"):
        expected = search()
    draw = random.Random(seed)
    killed = taken_again = rounds = 0
    wrong: list[str] = []
    while killed < num_kills and rounds < num_kills:
        rounds += 1
        with hr.open_store(folder / f"killed-{rounds}") as store:
            with Killer(store, draw) as killer:
                found = search()
            killed += killer.num_kills
            (study,) = store.studies()
            rows = store.trials(study.name)
            taken_again += sum(row.num_attempts - 1 for row in rows)
            counted = Counter(event.body["number"] for event in store.events() if event.kind == "trial-ended")
            if counted != Counter(range(12)):
                wrong.append(f"round {rounds}: counted {dict(counted)}")
            if found.digest != expected.digest:
                wrong.append(f"round {rounds}: {found!r} is not {expected!r}")
    line = {
        "proof": "tuner",
        "searches": rounds,
        "kills": killed,
        "taken_again": taken_again,
        "violations": len(wrong),
        "wrong": wrong[:5],
    }
    print(json.dumps(line), flush=True)
    if not taken_again:
        print("no trial was taken again: this proved nothing", file=sys.stderr)
    return not wrong and taken_again > 0


def main() -> None:
    """Prove, print, and end with 1 when anything was not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=int, default=1, help="1/N of the seeds and kills")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="headrace-tuner-") as folder:
        is_right = compare(max(3, NUM_SEEDS // arguments.share), Path(folder))
        is_right &= kills(max(3, NUM_KILLS // arguments.share), arguments.seed, Path(folder))
    raise SystemExit(0 if is_right else 1)


if __name__ == "__main__":
    main()

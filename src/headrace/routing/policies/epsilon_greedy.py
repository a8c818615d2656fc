"""Most for the version with the best mean reward, a fixed share for trying all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.routing._contract import Policy, Tables, Traffic
from headrace.routing.floors import check_share, learned_tables
from headrace.routing.tally import Tally

__all__ = ["EpsilonGreedy"]


@dataclass(frozen=True)
class EpsilonGreedy(Policy):
    """The version with the best mean reward answers all but `epsilon`, which all versions share alike.

    Simple to explain, and slow to learn: it explores a version that is surely worse as much as one that may be best.
    A version without a reward yet counts as best, so that no version starves; equals share.

    Parameters
    ----------
    epsilon : float
        The share spent on trying, 0..1.
    floor, control : float
        The least share of each version, and of the champion, 0..1.

    Raises InvalidInput for a share outside 0..1.

    >>> from headrace.routing import Tally
    >>> rewards = {"all": {1: Tally.of([0, 1, 0]), 2: Tally.of([1, 1, 0])}}
    >>> EpsilonGreedy(epsilon=0.5, floor=0, control=0).tables(Traffic((1, 2), 1, rewards=rewards), 0)
    {'all': {1: 0.25, 2: 0.75}}

    Source: Sutton and Barto, Reinforcement Learning, second edition, section 2.2.
    """

    epsilon: float = 0.1
    floor: float = 0.01
    control: float = 0.05

    def __post_init__(self) -> None:
        for name in ("epsilon", "floor", "control"):
            check_share(name, getattr(self, name), "EpsilonGreedy")

    def tables(self, traffic: Traffic, now_us: int) -> Tables:
        """One table a segment, from its own rewards."""
        return learned_tables(traffic, self._weights, floor=self.floor, control=self.control)

    def _weights(self, tallies: Mapping[int, Tally]) -> dict[int, float]:
        untried = [version for version, tally in tallies.items() if not tally.num_rewarded]
        highest = max((tally.mean for tally in tallies.values() if tally.num_rewarded), default=0.0)
        best = untried or [version for version, tally in tallies.items() if tally.mean == highest]
        return {
            version: self.epsilon / len(tallies) + (1.0 - self.epsilon) * (version in best) / len(best)
            for version in tallies
        }

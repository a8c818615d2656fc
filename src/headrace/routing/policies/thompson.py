"""Each version's share is the probability that it is the best."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.routing._contract import Policy, Tables, Traffic
from headrace.routing.floors import check_share, learned_tables
from headrace.routing.posterior import win_probabilities

__all__ = ["Thompson"]


@dataclass(frozen=True)
class Thompson(Policy):
    """Thompson sampling: a version answers as often as it is the best, by all that is known.

    The posterior of each version's mean reward is Beta(1 + total, 1 + rewarded - total): for rewards of 0 and 1 that of
    a uniform prior, for rewards between an approximation that is too wide rather than too narrow. The probability of
    being best is integrated, not sampled: the same counts give the same table.

    Parameters
    ----------
    floor, control : float
        The least share of each version, and of the champion, 0..1.

    Raises InvalidInput for a share outside 0..1.

    >>> from headrace.routing import Tally
    >>> rewards = {"all": {1: Tally.of([0] * 20), 2: Tally.of([1] * 20)}}
    >>> Thompson(floor=0.01, control=0.25).tables(Traffic((1, 2), 1, rewards=rewards), 0)["all"][1]
    0.25

    Source: Thompson 1933; Chapelle and Li 2011, An empirical evaluation of Thompson sampling.
    """

    floor: float = 0.01
    control: float = 0.05

    def __post_init__(self) -> None:
        for name in ("floor", "control"):
            check_share(name, getattr(self, name), "Thompson")

    def tables(self, traffic: Traffic, now_us: int) -> Tables:
        """One table a segment, from its own rewards."""
        return learned_tables(traffic, win_probabilities, floor=self.floor, control=self.control)

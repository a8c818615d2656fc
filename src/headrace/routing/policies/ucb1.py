"""All for the version that could be best: the highest upper confidence bound."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.routing._contract import Policy, Tables, Traffic
from headrace.routing.floors import check_share, learned_tables
from headrace.routing.tally import Tally

__all__ = ["Ucb1"]


@dataclass(frozen=True)
class Ucb1(Policy):
    """The version with the highest mean + sqrt(width * ln(all) / own) answers; the others have their floors.

    It draws nothing and needs no prior. Between two tables one version has nearly all the traffic, so it learns in
    turns; where rewards come late, Thompson sampling loses less. A version without a reward yet is tried first.

    Parameters
    ----------
    width : float
        2 is UCB1 as published; less explores less.
    floor, control : float
        The least share of each version, and of the champion, 0..1.

    Raises InvalidInput for a share outside 0..1, or a width that is negative or no number.

    >>> from headrace.routing import Tally
    >>> rewards = {"all": {1: Tally.of([0] * 50), 2: Tally.of([1] * 50)}}
    >>> Ucb1(floor=0, control=0.25).tables(Traffic((1, 2), 1, rewards=rewards), 0)
    {'all': {1: 0.25, 2: 0.75}}

    Source: Auer, Cesa-Bianchi and Fischer 2002, Finite-time analysis of the multiarmed bandit problem, figure 1.
    """

    width: float = 2.0
    floor: float = 0.01
    control: float = 0.05

    def __post_init__(self) -> None:
        for name in ("floor", "control"):
            check_share(name, getattr(self, name), "Ucb1")
        width: Any = self.width
        if isinstance(width, bool) or not isinstance(width, (int, float)) or not 0.0 <= width < math.inf:
            raise InvalidInput(f"width = {width!r}", where="Ucb1", expected="a number from 0")

    def tables(self, traffic: Traffic, now_us: int) -> Tables:
        """One table a segment, from its own rewards."""
        return learned_tables(traffic, self._weights, floor=self.floor, control=self.control)

    def _weights(self, tallies: Mapping[int, Tally]) -> dict[int, float]:
        total = sum(tally.num_rewarded for tally in tallies.values())
        bounds = {
            version: tally.mean + math.sqrt(self.width * math.log(total) / tally.num_rewarded)
            if tally.num_rewarded
            else math.inf
            for version, tally in tallies.items()
        }
        highest = max(bounds.values())
        return {version: float(bound == highest) for version, bound in bounds.items()}

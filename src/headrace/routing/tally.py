"""Tally: what is known of one version in one segment, as whole numbers, so that any order gives the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["UNITS", "Tally"]

# A reward is counted in whole units of 2^-40 of its range: sums are exact integers.
UNITS = 1 << 40


@dataclass(frozen=True, slots=True)
class Tally:
    """Decisions for a version and the rewards they had: integer sums, merged by adding.

    Parameters
    ----------
    num_decided : int
        Requests the version was chosen for.
    num_rewarded : int
        Those of them whose reward is known, by itself or because the missing one was declared.
    units, squares : int
        The sum of the rewards, and of their squares, in units of 2^-40 (2^-80) of the reward's range, which is
        brought to 0..1 first.

    >>> Tally.of([0.0, 1.0, 1.0]).mean
    0.6666666666666666
    >>> (Tally.of([0.25]) + Tally.of([0.75])).mean, Tally().mean
    (0.5, nan)
    """

    num_decided: int = 0
    num_rewarded: int = 0
    units: int = 0
    squares: int = 0

    @classmethod
    def of(cls, rewards: list[float]) -> Tally:
        """The tally of decisions that had these rewards (0..1 each)."""
        whole = [round(reward * UNITS) for reward in rewards]
        return cls(len(whole), len(whole), sum(whole), sum(one * one for one in whole))

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.num_decided + other.num_decided,
            self.num_rewarded + other.num_rewarded,
            self.units + other.units,
            self.squares + other.squares,
        )

    @property
    def total(self) -> float:
        """The sum of the rewards, 0..num_rewarded."""
        return self.units / UNITS

    @property
    def mean(self) -> float:
        """The mean reward, 0..1; NaN without any."""
        return self.units / (UNITS * self.num_rewarded) if self.num_rewarded else math.nan

    @property
    def variance(self) -> float:
        """The variance of the rewards (of the population), at least 0; NaN without any."""
        if not self.num_rewarded:
            return math.nan
        # Exact integers up to the last division: no cancellation.
        return (self.squares * self.num_rewarded - self.units**2) / (self.num_rewarded * UNITS) ** 2

    def to_plain(self) -> dict[str, Any]:
        """As plain data; sums as text, because JSON's readers cut whole numbers beyond 2^53."""
        return {
            "num_decided": self.num_decided,
            "num_rewarded": self.num_rewarded,
            "units": str(self.units),
            "squares": str(self.squares),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Tally:
        """Read what `to_plain` gave."""
        return cls(plain["num_decided"], plain["num_rewarded"], int(plain["units"]), int(plain["squares"]))

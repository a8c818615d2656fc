"""Whether a change of values is one known map of them: two tests, for few distinct values and for many.

`matches` is for values that repeat (codes, distances of routes): of the rows whose value was never seen before, how
many hold the image of a value that was? Chance is measured, not assumed: the same count for maps a little off.

`mixes` is for any numbers: is the new distribution function (1 - rate) x before + rate x mapped before? The rate is
the least-squares one, so a fault in a part of the rows is seen too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from headrace.validation._distances import gap, gap_noise, unseen_noise
from headrace.validation._profile import Profile, Values

__all__ = ["Match", "Mix", "matches", "mixes"]

MIN_ROWS = 10  # fewer rows that moved prove nothing
MAX_POINTS = 1500


@dataclass(frozen=True)
class Match:
    """What a map explains of the values never seen.

    Parameters
    ----------
    rate : float
        Of all rows with a value, those whose value is the image of one seen.
    share : float
        Of those rows whose value was never seen, the same.
    num_distinct : int
        Distinct values among them.
    chance : float
        `share` of maps a little off: what coincidence gives; 0 where the map explains too little to ask.
    values : array
        The values.
    """

    rate: float
    share: float
    num_distinct: int
    chance: float
    values: Values

    @property
    def holds(self) -> bool:
        """Whether the map explains them: nearly all, far more than chance, and more than two values could."""
        return self.share >= 0.85 and self.chance <= 0.35 and (self.num_distinct >= 4 or self.rate >= 0.9)


def matches(
    before: Profile,
    after: Profile,
    back: Callable[[Values], Values],
    tolerance: float,
    off: tuple[Callable[[Values], Values], ...] = (),
) -> Match | None:
    """How far `back`, the map's inverse, takes values never seen to values that were; None where too few are unseen.

    `tolerance` is how far, after going back, rounding may have left a value from the one it was; 0 = equal.
    """
    if not before.is_exact or not after.is_exact:
        return None
    unseen = after.unseen(before)
    counts = after.counts[unseen]
    total = int(counts.sum())
    if total < MIN_ROWS or total / after.num_present <= unseen_noise(before, after):
        return None
    values = after.values[unseen]

    def hits(function: Callable[[Values], Values]) -> npt.NDArray[np.bool_]:
        return _near(before, function(values), tolerance)

    hit = hits(back)
    rows = int(counts[hit].sum())
    found = Match(rows / after.num_present, rows / total, int(hit.sum()), 0.0, values[hit])
    if not found.holds:
        return found
    chance = max((float(counts[hits(other)].sum()) / total for other in off), default=0.0)
    return replace(found, chance=chance)


def _near(before: Profile, values: Values, tolerance: float) -> npt.NDArray[np.bool_]:
    if before.kind == "text":
        return before.has(values)
    allowed = tolerance + 1e-9 * np.abs(values)
    places = np.searchsorted(before.values, values)
    above = before.values[np.minimum(places, len(before.values) - 1)]
    below = before.values[np.maximum(places - 1, 0)]
    return np.asarray((np.abs(above - values) <= allowed) | (np.abs(below - values) <= allowed), np.bool_)


@dataclass(frozen=True)
class Mix:
    """How well a distribution is a mixture of what was and what a map makes of it.

    Parameters
    ----------
    rate : float
        The mapped part, 0..1.
    explained : float
        The share of the squared difference that it explains, at most 1.
    gap, rest : float
        The largest difference of the distribution functions before and after the explanation, 0..1.
    """

    rate: float
    explained: float
    gap: float
    rest: float


def mixes(before: Profile, after: Profile, mapped: Profile) -> Mix | None:
    """The best mixture; None where after differs from before by no more than chance, or the map changes nothing."""
    far = gap(before, after)
    if far <= gap_noise(before, after):
        return None
    grid = _grid(before, after, mapped)
    was, now, would = before.below(grid), after.below(grid), mapped.below(grid)
    weights = np.diff(np.concatenate([[0.0], was + now + would]))
    moved, change = now - was, would - was
    square = float((weights * change * change).sum())
    if square <= 0:
        return None
    rate = float(np.clip((weights * moved * change).sum() / square, 0.0, 1.0))
    rest = moved - rate * change
    total = float((weights * moved * moved).sum())
    explained = 1 - float((weights * rest * rest).sum()) / total if total else 0.0
    return Mix(rate, explained, far, float(np.abs(rest).max(initial=0.0)))


def _grid(*profiles: Profile) -> Values:
    grid = np.unique(np.concatenate([profile.values for profile in profiles]).astype(np.float64))
    if len(grid) <= MAX_POINTS:
        return grid
    levels = (np.arange(MAX_POINTS // 3) + 0.5) / (MAX_POINTS // 3)
    parts = [
        one.values[np.minimum(len(one.values) - 1, np.searchsorted(one.cumulated[1:], levels))] for one in profiles
    ]
    return np.unique(np.concatenate(parts).astype(np.float64))

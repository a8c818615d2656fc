"""How far apart two profiles are, and how far apart two random samples of one population would be.

| what | measure | 0.25 standard deviations of a normal are | practical threshold |
|---|---|---|---|
| numbers | Wasserstein-1 / standard deviation before | 0.25 | 0.2 |
| text, booleans | Jensen-Shannon distance (base 2), 50 categories and all others | 0.10 | 0.1 |
| moments | none but nulls: time moves on | - | - |
| all | difference of the shares of nulls | - | 0.05 |
| text, integers | share of rows with a category never seen | - | 0.05 |
| as `headrace.validation._binned` says | population_stability, l_infinity, normalized_difference, g_test | - | - |

Wasserstein-1 is the integral of abs(F - G), F and G the two distribution functions. The Jensen-Shannon distance is the
square root of H((p + q) / 2) - (H(p) + H(q)) / 2, H in bits; 0 to 1. Measures without a practical threshold here are
told and judge nothing, unless a threshold is given.

With many rows the smallest difference is significant and with few the largest is not, so a distance counts only above
both its threshold and its noise floor. A noise floor above the threshold with a distance below it is no answer at all:
the rows are too few.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from headrace.errors import InvalidInput, UnknownName
from headrace.kinds import Kind
from headrace.validation._binned import (
    chi_squared,
    g_test,
    in_cells,
    l_infinity,
    likelihood,
    normalized_difference,
    population_stability,
)
from headrace.validation._profile import Profile, pool, shrinking

__all__ = [
    "MEASURES",
    "Distance",
    "distances",
    "gap",
    "gap_noise",
    "limits_of",
    "share_noise",
    "unseen_noise",
    "wasserstein",
]

CELL_ERROR_RATE = 1e-5  # of one look at one slice
THRESHOLDS = {"wasserstein": 0.2, "jensen_shannon": 0.1, "nulls": 0.05, "never_seen": 0.05}
TOLD = {
    "population_stability": 0.2,
    "l_infinity": 0.1,
    "normalized_difference": 0.1,
    "g_test": 0.25,
}  # judged by only where a threshold is given
_CATEGORIES = ("text", "boolean")
_NUMBERS = ("integer", "number")
MEASURES: dict[str, tuple[str, ...]] = {
    "wasserstein": _NUMBERS,
    "jensen_shannon": _CATEGORIES,
    "nulls": ("integer", "number", "boolean", "text", "timestamp"),
    "never_seen": ("text", "integer"),
    "population_stability": _CATEGORIES + _NUMBERS,
    "l_infinity": _CATEGORIES,
    "normalized_difference": _CATEGORIES,
    "g_test": _CATEGORIES + _NUMBERS,
}
"""Measure -> the kinds of columns that it applies to."""


@dataclass(frozen=True)
class Distance:
    """One measurement.

    Parameters
    ----------
    measure : str
        "wasserstein", "jensen_shannon", "nulls" or "never_seen".
    value : float
        The distance; shares 0..1, Wasserstein in standard deviations.
    noise : float
        What chance alone stays below, but for the error rate asked for.
    limit : float or None
        The threshold a person gave; None = the usual one.
    likelihood : float or None
        Of "g_test": the chance of counts as far apart, were nothing other.
    """

    measure: str
    value: float
    noise: float
    limit: float | None = None
    likelihood: float | None = None

    @property
    def threshold(self) -> float:
        """What matters in practice."""
        return self.limit if self.limit is not None else {**THRESHOLDS, **TOLD}[self.measure]

    @property
    def is_judged(self) -> bool:
        """Whether it decides anything: those that are only told are here to be read."""
        return self.measure in THRESHOLDS or self.limit is not None

    @property
    def is_noticeable(self) -> bool:
        """Above the noise floor, however small."""
        return self.is_judged and self.value > self.noise

    @property
    def has_drifted(self) -> bool:
        """Above the noise floor and large enough to matter."""
        return self.is_judged and self.value > max(self.noise, self.threshold)

    @property
    def is_unknown(self) -> bool:
        """Neither drifted nor shown not to have: the rows are too few."""
        return self.is_judged and not self.has_drifted and self.noise > self.threshold

    @property
    def excess(self) -> float:
        """The distance in thresholds."""
        return self.value / self.threshold


def limits_of(thresholds: Mapping[str, float], features: Mapping[str, Kind]) -> dict[str, dict[str, float]]:
    """feature -> measure -> threshold, of what a person wrote: "wasserstein" for every column that it applies to, or
    "distance:population_stability" for one, which goes first.

    Raises UnknownName for a column or measure that is not there, InvalidInput for a measure that cannot apply to the
    column (or to any column), and for a threshold that is no number of 0 or more.

    >>> limits_of({"population_stability": 0.1, "x:wasserstein": 0.5}, {"x": "number", "at": "timestamp"})
    {'x': {'population_stability': 0.1, 'wasserstein': 0.5}, 'at': {}}
    """
    found: dict[str, dict[str, float]] = {name: {} for name in features}
    for key in sorted(thresholds, key=lambda one: ":" in one):
        name, _, measure = key.rpartition(":")
        limit: object = thresholds[key]
        if measure not in MEASURES:
            raise UnknownName("measure of drift", measure, MEASURES, where=f"thresholds[{key!r}]")
        if name and name not in features:
            raise UnknownName("column", name, features, where=f"thresholds[{key!r}]")
        if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit < math.inf:
            raise InvalidInput(f"threshold {limit!r}", where=f"thresholds[{key!r}]", expected="a number of 0 or more")
        kinds = MEASURES[measure]
        able = [one for one in ([name] if name else features) if features[one] in kinds]
        if not able:
            what = f"column {name!r}, which is {features[name]}" if name else "any column"
            raise InvalidInput(
                f"{measure} cannot be measured of {what}",
                where=f"thresholds[{key!r}]",
                expected=f"a column of kind {', '.join(kinds)}",
                fix="choose a measure that its kind has",
            )
        for one in able:
            found[one][measure] = float(limit)
    return found


def distances(
    before: Profile, after: Profile, error_rate: float, limits: Mapping[str, float] | None = None
) -> list[Distance]:
    """All measures that apply to the column; [] where one side has no rows.

    Parameters
    ----------
    before, after : Profile
        Of one column.
    error_rate : float
        The chance, under no drift at all, that one of these measures is above its noise floor: already divided by
        the number of columns.
    limits : mapping of str to float, optional
        Measure -> threshold that a person gave.

    Only measures that the column's kind has; those of `TOLD` only where `limits` is given, even if it is empty.
    """
    if not before.num_rows or not after.num_rows:
        return []
    found = _judged(before, after, error_rate / 3)
    if limits is None:
        return found
    if before.num_present and after.num_present and before.kind != "timestamp":
        was, now = in_cells(before, after)
        rate = error_rate / 3
        found.append(Distance("population_stability", *population_stability(was, now, rate)))
        if before.kind in _CATEGORIES:
            found.append(Distance("l_infinity", *l_infinity(was, now, rate)))
            found.append(Distance("normalized_difference", *normalized_difference(was, now, rate)))
        found.append(Distance("g_test", *g_test(was, now, rate), likelihood=likelihood(was, now)))
    return [replace(one, limit=limits.get(one.measure)) for one in found]


def _judged(before: Profile, after: Profile, rate: float) -> list[Distance]:
    found = [
        Distance(
            "nulls",
            abs(after.share_missing - before.share_missing),
            share_noise(before.num_missing, before.num_rows, after.num_missing, after.num_rows, rate),
        )
    ]
    if not before.num_present or not after.num_present or before.kind == "timestamp":
        return found
    inverse = 1 / before.num_present + 1 / after.num_present
    if before.is_exact and after.is_exact and before.kind in ("text", "integer"):
        found.append(Distance("never_seen", after.share_unseen(before), unseen_noise(before, after, rate)))
    if before.is_number:
        scale = before.moments[1]
        if not scale > 0:  # a constant before: any distance is one of shares
            return [*found, Distance("wasserstein", gap(before, after), gap_noise(before, after, rate))]
        # By the deviation of both together: a value that comes once in a thousand rows may have missed one side.
        spread = max(1.0, pool([before, after]).moments[1] / scale)
        noise = NormalDist().inv_cdf(1 - rate / 2) * math.sqrt(inverse) * 1.05 * spread
        return [*found, Distance("wasserstein", wasserstein(before, after, unit=scale), noise)]
    return [*found, _jensen_shannon(before, after, rate, inverse)]


def unseen_noise(before: Profile, after: Profile, error_rate: float = CELL_ERROR_RATE) -> float:
    """What the share of values never seen stays below by chance, more of them being expected the more came once."""
    expected = before.expected_unseen
    z = NormalDist().inv_cdf(1 - error_rate)
    inverse = 1 / max(1, before.num_present) + 1 / max(1, after.num_present)
    return min(1.0, expected + z * math.sqrt(2 * expected * inverse) + z * z * inverse)


def wasserstein(before: Profile, after: Profile, *, unit: float = 1.0) -> float:
    """Wasserstein-1: the mean distance that values must move, in units of the column's own; infinite beyond a float."""
    grid = np.union1d(before.values, after.values)
    apart = np.abs(before.below(grid) - after.below(grid))
    values = grid.astype(np.float64)
    small = shrinking(values)
    found = float((apart[:-1] * np.diff(values * small)).sum()) / (unit * small)
    return found if math.isfinite(found) else math.inf


def gap(before: Profile, after: Profile) -> float:
    """The largest difference between the two distribution functions (Kolmogorov-Smirnov), 0..1."""
    grid = np.union1d(before.values, after.values)
    return float(np.abs(before.below(grid) - after.below(grid)).max(initial=0.0))


def gap_noise(before: Profile, after: Profile, error_rate: float = CELL_ERROR_RATE) -> float:
    """What `gap` stays below by chance."""
    inverse = 1 / max(1, before.num_present) + 1 / max(1, after.num_present)
    return math.sqrt(-0.5 * math.log(error_rate / 2) * inverse)


def share_noise(count: int, total: int, other: int, other_total: int, error_rate: float = CELL_ERROR_RATE) -> float:
    """What the difference of two shares stays below by chance."""
    share = (count + other + 1) / (total + other_total + 2)
    inverse = 1 / max(1, total) + 1 / max(1, other_total)
    return NormalDist().inv_cdf(1 - error_rate / 2) * math.sqrt(share * (1 - share) * inverse) + inverse


def _jensen_shannon(before: Profile, after: Profile, rate: float, inverse: float) -> Distance:
    was, now = in_cells(before, after)
    p, q = was / max(1, was.sum()), now / max(1, now.sum())
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = sum(float(np.where(side > 0, side * np.log2(side / middle), 0.0).sum()) / 2 for side in (p, q))
    degrees = max(1, int((middle > 0).sum()) - 1)
    # 8 ln 2 JSD / (1/n + 1/m) is about chi squared; and of names that come once each, nothing can be told by shares.
    noise = chi_squared(degrees, rate) * inverse / (8 * math.log(2)) + before.expected_unseen / 2
    return Distance("jensen_shannon", math.sqrt(max(0.0, divergence)), math.sqrt(noise))

"""How far apart two profiles are, and how far apart two random samples of one population would be.

| what | measure | 0.25 standard deviations of a normal are | practical threshold |
|---|---|---|---|
| numbers | Wasserstein-1 / standard deviation before | 0.25 | 0.2 |
| text, booleans | Jensen-Shannon distance (base 2), 50 categories, "other" and "never seen" | 0.10 | 0.1 |
| moments | none but nulls: time moves on | - | - |
| all | difference of the shares of nulls | - | 0.05 |
| text, integers | share of rows with a category never seen | - | 0.05 |

With many rows the smallest difference is significant and with few the largest is not, so a distance counts only above
both its threshold and its noise floor. A noise floor above the threshold with a distance below it is no answer at all:
the rows are too few.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from headrace.validation._profile import Profile, shrinking

__all__ = ["Distance", "distances", "gap", "gap_noise", "share_noise", "unseen_noise", "wasserstein"]

MAX_CATEGORIES = 50
CELL_ERROR_RATE = 1e-5  # of one look at one slice
THRESHOLDS = {"wasserstein": 0.2, "jensen_shannon": 0.1, "nulls": 0.05, "never_seen": 0.05}


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
    """

    measure: str
    value: float
    noise: float

    @property
    def threshold(self) -> float:
        """What matters in practice."""
        return THRESHOLDS[self.measure]

    @property
    def is_noticeable(self) -> bool:
        """Above the noise floor, however small."""
        return self.value > self.noise

    @property
    def has_drifted(self) -> bool:
        """Above the noise floor and large enough to matter."""
        return self.value > max(self.noise, self.threshold)

    @property
    def is_unknown(self) -> bool:
        """Neither drifted nor shown not to have: the rows are too few."""
        return not self.has_drifted and self.noise > self.threshold

    @property
    def excess(self) -> float:
        """The distance in thresholds."""
        return self.value / self.threshold


def distances(before: Profile, after: Profile, error_rate: float) -> list[Distance]:
    """All measures that apply to the column; [] where one side has no rows.

    Parameters
    ----------
    before, after : Profile
        Of one column.
    error_rate : float
        The chance, under no drift at all, that one of these measures is above its noise floor: already divided by
        the number of columns.
    """
    if not before.num_rows or not after.num_rows:
        return []
    rate = error_rate / 3
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
        noise = NormalDist().inv_cdf(1 - rate / 2) * math.sqrt(inverse) * 1.05
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
    order = np.argsort(-before.counts, kind="stable")[:MAX_CATEGORIES]
    top = before.values[np.sort(order)]
    seen = before.has(after.values)
    p = np.append(before.shares[np.sort(order)], 0.0)
    index = {value: place for place, value in enumerate(top.tolist())}
    places = np.array([index.get(value, len(top)) for value in after.values.tolist()])
    q = np.bincount(places[seen], weights=after.shares[seen], minlength=len(top) + 1)
    p[-1] = max(0.0, 1 - p.sum())
    p, q = np.append(p, 0.0), np.append(q, after.shares[~seen].sum())
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        divergence = sum(float(np.where(side > 0, side * np.log2(side / middle), 0.0).sum()) / 2 for side in (p, q))
    degrees = max(1, int((middle > 0).sum()) - 1)
    # Wilson and Hilferty's quantile of chi squared; 8 ln 2 JSD / (1/n + 1/m) is about chi squared.
    z = NormalDist().inv_cdf(1 - rate)
    chi = degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3
    # Good-Turing: as much again is expected where before is itself a sample of what there is.
    noise = chi * inverse / (8 * math.log(2)) + before.expected_unseen / 2
    return Distance("jensen_shannon", math.sqrt(max(0.0, divergence)), math.sqrt(noise))

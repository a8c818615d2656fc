"""Distances of counts: both sides in the same cells, and how far the counts lie apart.

Cells of text and booleans are the fifty values most frequent in both together, and all others: chosen by one side alone
they would be too frequent there. Cells of numbers lie between the deciles of the earlier values. With p and q the
shares of n earlier and m new rows, k cells:

| measure | formula | 0 to | applies to | threshold |
|---|---|---|---|---|
| `population_stability` | sum (q - p) ln(q / p), half a row more in each cell | any | text, booleans, numbers | 0.2 |
| `l_infinity` | max abs(p - q) | 1 | text, booleans | 0.1 |
| `normalized_difference` | max abs(x - y) / sum (x + y), of counts x, y | 1 | text, booleans | 0.1 |
| `g_test` | sqrt(G (1/n + 1/m)), G = 2 sum of O ln(O / E) | 2 sqrt(ln 2) | text, booleans, numbers | 0.25 |

`g_test` is thus an effect, which does not grow with the number of rows; the likelihood that goes with it, that of G or
more where chi squared has k - 1 degrees of freedom, does. Noise floors: population_stability, and g_test squared, times
nm / (n + m) are about chi squared; of l_infinity the largest of k differences of shares.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from headrace.validation._profile import Profile, pool

__all__ = ["MAX_CATEGORIES", "chi_squared", "g_test", "in_cells", "l_infinity", "likelihood", "population_stability"]

MAX_CATEGORIES = 50
NUM_CELLS = 10

Counts = npt.NDArray[np.int64]


def in_cells(before: Profile, after: Profile, *, by_value: bool = False) -> tuple[Counts, Counts]:
    """int64[num_cells] of each side: rows in the same cells, by deciles for numbers, else by category.

    `by_value` is for numbers of few values: each is a cell.

    >>> one = Profile("text", 3, 0, np.array(["a", "b"], object), np.array([2, 1]))
    >>> other = Profile("text", 3, 0, np.array(["b", "c"], object), np.array([1, 2]))
    >>> [counts.tolist() for counts in in_cells(one, other)]
    [[2, 1, 0, 0], [0, 1, 2, 0]]
    """
    if before.is_number and not by_value:
        levels = np.arange(1, NUM_CELLS) / NUM_CELLS
        edges = np.unique([before.quantile(level) for level in levels])
        sides = []
        for one in (before, after):
            places = np.searchsorted(edges, one.values, "left")
            sides.append(np.bincount(places, weights=one.counts, minlength=len(edges) + 1).astype(np.int64))
        return sides[0], sides[1]
    both = pool([before, after])
    most = len(both.values) if by_value else MAX_CATEGORIES
    order = np.sort(np.argsort(-both.counts, kind="stable")[:most])
    index = {value: place for place, value in enumerate(both.values[order].tolist())}
    sides = []
    for one in (before, after):
        places = np.array([index.get(value, len(index)) for value in one.values.tolist()], np.int64)
        sides.append(np.bincount(places, weights=one.counts, minlength=len(index) + 1).astype(np.int64))
    return sides[0], sides[1]


def population_stability(was: Counts, now: Counts, error_rate: float) -> tuple[float, float]:
    """(population stability index, its noise floor).

    >>> round(population_stability(np.array([50, 50]), np.array([50, 50]), 1e-3)[0], 6)
    0.0
    """
    kept = (was > 0) | (now > 0)
    p, q = ((one[kept] + 0.5) / (one[kept] + 0.5).sum() for one in (was, now))
    value = float(((q - p) * np.log(q / p)).sum())
    return value, chi_squared(int(kept.sum()) - 1, error_rate) * _inverse(was, now)


def l_infinity(was: Counts, now: Counts, error_rate: float) -> tuple[float, float]:
    """(largest difference of two shares, its noise floor).

    >>> l_infinity(np.array([60, 40]), np.array([40, 60]), 1e-3)[0]
    0.2
    """
    p, q = was / max(1, was.sum()), now / max(1, now.sum())
    share = (was + now + 1) / (was.sum() + now.sum() + 2)
    z = NormalDist().inv_cdf(1 - error_rate / 2 / max(1, len(was)))
    noise = z * np.sqrt(share * (1 - share) * _inverse(was, now)) + _inverse(was, now)
    return round(float(np.abs(p - q).max(initial=0.0)), 12), float(noise.max(initial=0.0))


def normalized_difference(was: Counts, now: Counts, error_rate: float) -> tuple[float, float]:
    """(largest difference of two counts over all counts, its noise floor): a span half as long differs by that alone.

    >>> normalized_difference(np.array([60, 40]), np.array([40, 60]), 1e-3)[0]
    0.1
    """
    total = max(1, int(was.sum() + now.sum()))
    z = NormalDist().inv_cdf(1 - error_rate / 2 / max(1, len(was)))
    return float(np.abs(was - now).max(initial=0)) / total, z * math.sqrt(float((was + now).max(initial=0))) / total


def g_test(was: Counts, now: Counts, error_rate: float) -> tuple[float, float]:
    """(effect, its noise floor).

    >>> round(g_test(np.array([60, 40]), np.array([40, 60]), 1e-3)[0], 3)
    0.401
    """
    degrees, statistic = _statistic(was, now)
    inverse = _inverse(was, now)
    return math.sqrt(statistic * inverse), math.sqrt(chi_squared(degrees, error_rate) * inverse)


def likelihood(was: Counts, now: Counts) -> float:
    """The chance of a G as large or larger, were both sides random samples of one population.

    >>> round(likelihood(np.array([60, 40]), np.array([40, 60])), 4)
    0.0045
    """
    degrees, statistic = _statistic(was, now)
    return _above(statistic, degrees)


def _statistic(was: Counts, now: Counts) -> tuple[int, float]:
    kept = (was > 0) | (now > 0)
    table = np.stack([was[kept], now[kept]]).astype(np.float64)
    expected = table.sum(1, keepdims=True) * table.sum(0) / max(1.0, table.sum())
    terms = np.where(table > 0, table * np.log(np.where(table > 0, table, 1.0) / np.maximum(expected, 1e-300)), 0.0)
    return max(1, int(kept.sum()) - 1), max(0.0, 2 * float(terms.sum()))


def _inverse(was: Counts, now: Counts) -> float:
    return 1 / max(1, int(was.sum())) + 1 / max(1, int(now.sum()))


def chi_squared(degrees: int, error_rate: float) -> float:
    """What chi squared exceeds with that chance, by Wilson and Hilferty's cube."""
    degrees, z = max(1, degrees), NormalDist().inv_cdf(1 - error_rate)
    return float(degrees * (1 - 2 / (9 * degrees) + z * math.sqrt(2 / (9 * degrees))) ** 3)


def _above(value: float, degrees: int) -> float:
    """The chance that chi squared is above a value: the finite sums that whole degrees of freedom have."""
    half = value / 2
    if degrees % 2:
        total, term = math.erfc(math.sqrt(half)), math.sqrt(half / math.pi) * 2 * math.exp(-half)
        for place in range(1, degrees // 2 + 1):
            total += term
            term *= half / (place + 0.5)
        return min(1.0, total)
    total, term = 0.0, math.exp(-half)
    for place in range(degrees // 2):
        total += term
        term *= half / (place + 1)
    return min(1.0, total)

"""How sure a measured metric is: its interval, and how likely it would be if the truth were only what is allowed.

Two forms. A share (anything between two ends, such as an accuracy or an area under a curve) has Wilson's score interval
with an effective number of rows, so that 20 right of 20 is not certain. Anything else has Student's, by Wallace's
transform of t to the normal, whose level is within 0.001 of the exact one from 5 rows on. Interval and test are two
sides of one formula: a bound passes exactly where the test does.
"""

from __future__ import annotations

import functools
import math
import statistics

__all__ = [
    "CONFIDENCE",
    "interval_of_mean",
    "interval_of_share",
    "probability_above",
    "quantile_of_mean",
    "z_of_mean",
    "z_of_share",
]

CONFIDENCE = 0.95
_NORMAL = statistics.NormalDist()


def probability_above(z: float) -> float:
    """How likely a standard normal value is above z.

    >>> round(probability_above(1.959963984540054), 6)
    0.025
    """
    return 0.5 * math.erfc(z / math.sqrt(2.0))


@functools.cache
def _quantile(confidence: float) -> float:
    return _NORMAL.inv_cdf(0.5 + confidence / 2.0)


def interval_of_share(
    value: float,
    effective_rows: float,
    limits: tuple[float, float] = (0.0, 1.0),
    confidence: float = CONFIDENCE,
    freedom: float = math.inf,
) -> tuple[float, float]:
    """Wilson's score interval of a value between two ends; never beyond them, never of no width.

    Parameters
    ----------
    value : float
        Between the limits.
    effective_rows : float
        How many independent rows of one weight would be as sure.
    limits : (float, float)
        The smallest and the largest value the metric can have.
    confidence : float
        0..1, of both sides together.
    freedom : float
        How many rows the number of effective rows itself rests on: few make Student's quantile of the normal one.

    >>> [round(end, 4) for end in interval_of_share(1.0, 20)]
    [0.8389, 1.0]

    Source: Wilson, "Probable inference, the law of succession, and statistical inference" (1927).
    """
    low, high = limits
    share = (value - low) / (high - low)
    z = _t(_quantile(confidence), freedom)
    weight = z * z / effective_rows
    centre = (share + weight / 2.0) / (1.0 + weight)
    half = (
        z * math.sqrt(max(share * (1.0 - share), 0.0) / effective_rows + weight / effective_rows / 4.0) / (1.0 + weight)
    )
    ends = max(centre - half, 0.0), min(centre + half, 1.0)
    return low + ends[0] * (high - low), low + ends[1] * (high - low)


def z_of_share(
    value: float,
    allowed: float,
    effective_rows: float,
    limits: tuple[float, float] = (0.0, 1.0),
    freedom: float = math.inf,
) -> float:
    """How many standard errors a share is above what is allowed, as they would be if it were just that."""
    low, high = limits
    share, held = (value - low) / (high - low), (allowed - low) / (high - low)
    if not 0.0 < held < 1.0:  # every value is on one side of it, or on it
        return math.inf if share > held else -math.inf if share < held else 0.0
    return _normal((share - held) * math.sqrt(effective_rows / (held * (1.0 - held))), freedom)


def interval_of_mean(
    value: float,
    std_error: float,
    num_rows: float,
    limits: tuple[float, float] = (-math.inf, math.inf),
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Student's interval of a value with num_rows - 1 degrees of freedom, cut at the limits.

    >>> [round(end, 3) for end in interval_of_mean(0.0, 1.0, 10)]
    [-2.263, 2.263]

    Source: Wallace, "Bounds on normal approximations to Student's and the chi-square distributions" (1959).
    """
    half = _t(_quantile(confidence), num_rows - 1) * std_error if std_error else 0.0
    return max(value - half, limits[0]), min(value + half, limits[1])


def quantile_of_mean(confidence: float, freedom: float) -> float:
    """How many standard errors either end of Student's interval is away.

    >>> round(quantile_of_mean(0.95, 9), 3)
    2.263
    """
    return _t(_quantile(confidence), freedom)


def z_of_mean(difference: float, std_error: float, num_rows: float) -> float:
    """A difference in standard errors, as the normal value that is as unlikely as Student's t of it."""
    if std_error == 0.0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return _normal(difference / std_error, num_rows - 1)


def _normal(t: float, freedom: float) -> float:
    """The normal value that is as unlikely as Student's t."""
    if freedom < 1:
        return 0.0
    if math.isinf(freedom):
        return t
    return math.copysign(math.sqrt(freedom * math.log1p(t * t / freedom)) * (8 * freedom + 1) / (8 * freedom + 3), t)


def _t(z: float, freedom: float) -> float:
    if freedom < 1:
        return math.inf
    if math.isinf(freedom):
        return z
    scaled = z * (8 * freedom + 3) / (8 * freedom + 1)
    return math.sqrt(freedom * math.expm1(min(scaled * scaled / freedom, 600.0)))

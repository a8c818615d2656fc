"""How much so many rows can tell: how often a rule would refuse what is as good as asked, and what number would do.

A rule that is judged on the bound of an interval refuses whatever the rows leave unsure. On few rows that is nearly
every model, and says nothing of this one; so who is refused is told.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass

from headrace.rules._interval import CONFIDENCE, probability_above, quantile_of_mean

__all__ = ["OFTEN", "Power", "power"]

OFTEN = 0.05
_NORMAL = statistics.NormalDist()


@dataclass(frozen=True)
class Power:
    """What so many rows can tell.

    Parameters
    ----------
    refused : float
        How often the rule would refuse a model that is better than allowed by the effect, 0..1.
    rows_needed : int
        About how many rows it takes for that to be one time in twenty, rounded up to two digits.
    """

    refused: float
    rows_needed: int


def power(effect: float, std_error: float, num_rows: int, *, freedom: float = math.inf, num_judged: int = 1) -> Power:
    """How often a model that is better than allowed by `effect` is refused all the same, and the rows that would do.

    Parameters
    ----------
    effect : float
        Above 0: the rule's margin, for a model that is equal to the champion.
    std_error : float
        Of what is judged; it shrinks with the root of the rows.
    num_rows : int
        That it was found on.
    freedom : float
        How many rows the standard error itself rests on, less one.
    num_judged : int
        How many slices are judged together: Holm's first level is that many times as strict.

    Source: Johnson and Welch, "Applications of the non-central t-distribution" (1940), for the few degrees of freedom.

    >>> found = power(0.02, 0.02, 300)
    >>> round(found.refused, 2), found.rows_needed
    (0.83, 3900)
    """
    level = (1.0 - CONFIDENCE) / num_judged
    needed = quantile_of_mean(1.0 - level, freedom)
    apart = min(effect / std_error, 1e8)
    # Of a noncentral t: the standard error is drawn, too.
    drawn = needed * (1.0 - 0.25 / freedom) - apart
    refused = probability_above(-drawn / math.sqrt(1.0 + needed * needed / (2.0 * freedom)))
    rows = num_rows * ((needed - _NORMAL.inv_cdf(OFTEN)) * min(std_error / effect, 1e8)) ** 2
    return Power(refused, _round_up(rows))


def _round_up(rows: float) -> int:
    """To two digits, upwards: more than that nobody knows."""
    step: int = 10 ** max(0, len(str(math.ceil(rows))) - 2)
    return math.ceil(rows / step) * step

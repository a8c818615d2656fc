"""Slice against slice: the difference of a metric, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.evaluation._results import SliceResults, value_text
from headrace.rules._interval import interval_of_mean

__all__ = ["Comparison", "compare_slices"]


@dataclass(frozen=True)
class Comparison:
    """How a metric of one slice differs from that of another.

    Parameters
    ----------
    value : float
        The first less the second; NaN where either is not defined.
    lower, upper : float or None
        Its 95 % interval; None where either has none.
    is_disjoint : bool
        Whether no row can be in both. Otherwise how much they share is not known, and the interval is the widest that
        sharing could make it: it holds the truth in at least 95 %.
    """

    value: float
    lower: float | None
    upper: float | None
    is_disjoint: bool


def compare_slices(metric: str, left: SliceResults, right: SliceResults) -> Comparison:
    """The difference of two slices' values. Cost: microseconds."""
    one, other = left[metric], right[metric]
    is_disjoint = _are_disjoint(left.slice, right.slice)
    difference = one.value - other.value
    if one.std_error is None or other.std_error is None or not math.isfinite(difference):
        return Comparison(difference, None, None, is_disjoint)
    if is_disjoint:
        std_error = math.hypot(one.std_error, other.std_error)
    else:
        std_error = one.std_error + other.std_error
    lower, upper = interval_of_mean(difference, std_error, min(one.num_rows, other.num_rows))
    return Comparison(difference, lower, upper, is_disjoint)


def _are_disjoint(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    return any(column in right and value_text(right[column]) != value_text(value) for column, value in left.items())

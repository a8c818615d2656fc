"""The statistics of one feature by the weights of its rows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from headrace.fold import GroupDistribution
from headrace.fold.weighted import UNIT
from headrace.statistics._histogram import histogram_of

__all__ = ["WeightedStatistics"]

_NUM_TOP_VALUES = 20
_PERCENTS = (np.arange(101) / 100).tolist()


@dataclass(frozen=True)
class WeightedStatistics:
    """What one column looks like when every row counts as often as its weight says.

    Weights are rounded to multiples of 2^-20; beyond that each figure is what `FeatureStatistics` calls so, and
    approximate where that is.

    Parameters
    ----------
    num_rows, num_present, num_missing : float
        Weight of all rows; of those not null; of those null.
    mean, std_dev, median : float or None
        Of finite values; the median is the smallest value with half of the weight at or below it, or between two.
    quantiles : tuple of 101 floats
        `quantiles[25]` is the first quartile.
    histogram : tuple of (low, high, weight)
        Bins of `FeatureStatistics.histogram` where the outermost values weigh anything.
    top_values : tuple of (text, weight)
        The twenty texts that weigh most.
    """

    num_rows: float
    num_present: float
    num_missing: float
    mean: float | None = None
    std_dev: float | None = None
    median: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: tuple[tuple[float, float, float], ...] = ()
    top_values: tuple[tuple[str, float], ...] = ()

    @classmethod
    def from_distribution(cls, one: GroupDistribution, digits: int = 0) -> WeightedStatistics:
        """All figures of one group of a WeightedDistribution; of a decimal's integers with so many places."""
        rows = (one.num_rows * UNIT, one.num_present * UNIT, one.num_missing * UNIT)
        if one.kind in ("text", "binary"):
            top = one.top_values(_NUM_TOP_VALUES) if one.kind == "text" else []
            return cls(*rows, top_values=tuple((text, count * UNIT) for text, count in top))
        if one.kind not in ("number", "boolean", "timestamp") or one.min is None:
            return cls(*rows)
        unit = 10**digits
        quantiles = tuple(value / unit for value in one.quantiles(_PERCENTS).tolist())
        return cls(
            *rows,
            mean=None if math.isnan(one.mean) else one.mean / unit,
            std_dev=None if math.isnan(one.std_dev) else one.std_dev / unit,
            median=quantiles[50],
            quantiles=quantiles,
            histogram=tuple((low / unit, high / unit, count * UNIT) for low, high, count in histogram_of(one)),
        )

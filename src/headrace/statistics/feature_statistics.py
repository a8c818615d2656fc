"""The statistics of one feature, as plain numbers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.fold import ErrorBound, GroupDistribution
from headrace.lookup import Shown
from headrace.schema import Kind

__all__ = ["FeatureStatistics"]

NUM_BINS = 10
NUM_TOP_VALUES = 20
_PERCENTS = np.arange(101) / 100
_NUMERIC = ("integer", "number", "boolean", "timestamp")


@dataclass(frozen=True, repr=False)
class FeatureStatistics(Shown):
    """What one column looks like; a figure that its type does not have, or that has no value, is None.

    Parameters
    ----------
    name : str
        The column.
    type : Kind
        integer, number, boolean, text, timestamp, null or other (the last two have counts of rows only).
    num_rows, num_present, num_missing : int
        All rows; those not null; those null.
    min_values, mean_values, max_values : int, float, int
        Values in a row that is present: 1 for a column that is no list, 0 when nothing is present.
    mean, std_dev, skewness, kurtosis : float or None
        Of finite values, the population's; kurtosis is the excess over a normal distribution's. From exact sums.
        Booleans are 0 and 1, timestamps microseconds UTC, here and below.
    min, max, mode : int, float or None
        Smallest, largest and most frequent (the smallest of several) finite value.
    median : float or None
        With an even number of values the mean of the middle two.
    num_zeros, num_nan, num_infinite : int or None
        Values that are zero; NaN; infinite. The last two are in no other figure.
    num_distinct : int or None
        Distinct finite values, or texts.
    histogram : tuple of (low, high, count)
        Ten bins of equal width from min to max, each without its upper end but the last; one bin when all are equal.
    quantiles : tuple of 101 floats
        `quantiles[25]` is the first quartile; linear between neighbours, as NumPy's.
    top_values : tuple of (text, count)
        The twenty most frequent texts, ties by their bytes.
    min_length, mean_length, max_length : int, float, int or None
        Lengths of texts in characters (code points).
    num_invalid_utf8 : int or None
        Rows whose text is not UTF-8.
    error_bounds : dict of str to ErrorBound
        The figures that are approximate, because the column has more than 65,536 distinct values; empty when exact.
        Quantiles and histogram then are, too, within 2^-9 of each value.
    """

    kind: ClassVar[str] = "feature_statistics"

    name: str
    type: Kind
    num_rows: int
    num_present: int
    num_missing: int
    min_values: int
    mean_values: float
    max_values: int
    mean: float | None = None
    std_dev: float | None = None
    skewness: float | None = None
    kurtosis: float | None = None
    min: int | float | None = None
    max: int | float | None = None
    median: float | None = None
    mode: int | float | None = None
    num_zeros: int | None = None
    num_nan: int | None = None
    num_infinite: int | None = None
    num_distinct: int | None = None
    histogram: tuple[tuple[float, float, float], ...] = ()
    quantiles: tuple[float, ...] = ()
    top_values: tuple[tuple[str, int], ...] = ()
    min_length: int | None = None
    mean_length: float | None = None
    max_length: int | None = None
    num_invalid_utf8: int | None = None
    error_bounds: dict[str, ErrorBound] = dataclasses.field(default_factory=dict)

    def __repr__(self) -> str:
        shown = {
            word: getattr(self, word)
            for word in ("num_missing", "num_distinct", "mean", "std_dev", "min", "median", "max")
            if getattr(self, word) is not None
        }
        if self.top_values:
            shown["top"] = self.top_values[0][0]
        listed = ", ".join(f"{word} {_short(value)}" for word, value in shown.items())
        return f"<FeatureStatistics {self.name}: {self.type}, {self.num_rows:,} rows, {listed}>"

    @classmethod
    def from_distribution(cls, name: str, one: GroupDistribution) -> FeatureStatistics:
        """All figures of one group of a Distribution. Cost: a millisecond or two."""
        is_present = int(one.num_present > 0)
        common: dict[str, Any] = {
            "name": name,
            "type": one.kind,
            "num_rows": one.num_rows,
            "num_present": one.num_present,
            "num_missing": one.num_missing,
            "min_values": is_present,
            "mean_values": float(is_present),
            "max_values": is_present,
        }
        if one.kind == "text":
            shortest, mean_length, longest, num_invalid = one.lengths
            return cls(
                **common,
                num_distinct=one.num_distinct,
                top_values=tuple(one.top_values(NUM_TOP_VALUES)),
                min_length=shortest if is_present else None,
                mean_length=_number(mean_length),
                max_length=longest if is_present else None,
                num_invalid_utf8=num_invalid,
                error_bounds=one.error_bounds,
            )
        if one.kind not in _NUMERIC:
            return cls(**common)
        low, high = one.min, one.max
        quantiles = one.quantiles(_PERCENTS.tolist()).tolist() if low is not None else []
        return cls(
            **common,
            mean=_number(one.mean),
            std_dev=_number(one.std_dev),
            skewness=_number(one.skewness),
            kurtosis=_number(one.kurtosis),
            min=low,
            max=high,
            median=quantiles[50] if quantiles else None,
            mode=one.mode,
            num_zeros=one.num_zeros,
            num_nan=one.num_nan,
            num_infinite=one.num_negative_infinite + one.num_positive_infinite,
            num_distinct=one.num_distinct,
            histogram=() if low is None else _histogram(one, low, high),
            quantiles=tuple(quantiles),
            error_bounds=one.error_bounds,
        )

    def to_plain(self) -> dict[str, Any]:
        """As plain data for JSON: figures that are None, and empty ones, are left out."""
        plain = {
            item.name: value
            for item in dataclasses.fields(self)
            if (value := getattr(self, item.name)) is not None and value not in ((), {})
        }
        if self.error_bounds:
            plain["error_bounds"] = {name: dataclasses.asdict(bound) for name, bound in self.error_bounds.items()}
        return plain


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _histogram(one: GroupDistribution, low: float, high: float) -> tuple[tuple[float, float, float], ...]:
    if low == high:
        return ((low, high, one.num_finite),)
    shares = np.arange(NUM_BINS + 1) / NUM_BINS
    edges = float(low) * (1 - shares) + float(high) * shares  # high - low may be more than a float holds
    edges[0], edges[-1] = low, high
    counts: list[float] = one.histogram(edges.tolist()).tolist()
    if one.is_exact:
        counts = [int(count) for count in counts]
    return tuple(zip(edges[:-1].tolist(), edges[1:].tolist(), counts, strict=True))

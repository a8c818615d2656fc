"""The statistics of one feature, as plain numbers."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

import numpy as np

from headrace.fold import ErrorBound, GroupDistribution
from headrace.fold.text_patterns import short_pattern
from headrace.kinds import Kind
from headrace.lookup import Shown
from headrace.statistics._contract import Semantic, recognise
from headrace.statistics._histogram import histogram_of
from headrace.statistics.outline import Outline, outline_of
from headrace.statistics.weighted_statistics import WeightedStatistics

__all__ = ["FeatureStatistics"]

NUM_TOP_VALUES = 20
NUM_PATTERNS = 10
_COVERED = 0.8
_PERCENTS = np.arange(101) / 100
_NUMERIC = ("integer", "number", "boolean", "timestamp", "decimal", "duration", "time")


@dataclass(frozen=True, repr=False)
class FeatureStatistics(Shown):
    """What one column looks like; a figure that its type does not have, or that has no value, is None.

    Parameters
    ----------
    name : str
        The column.
    type : Kind
        integer, number, boolean, text, timestamp, binary, decimal, duration, time, list, struct, null or other (the
        last three have counts of rows only).
    num_rows, num_present, num_missing : int
        All rows; those not null; those null. A field of a struct is missing where the struct is.
    min_values, mean_values, max_values : int, float, int
        Values in a row that is present: 1 for a column that is no list, 0 when nothing is present. Nulls in a list
        count, and an empty list has 0.
    mean, std_dev, skewness, kurtosis : float or None
        Of finite values, the population's; kurtosis is the excess over a normal distribution's. From exact sums.
        Booleans are 0 and 1, timestamps microseconds UTC, durations and times of day microseconds, here and below. Of a
        list all figures are about the values in it, whatever the row.
    min, max, mode : int, float, decimal.Decimal or None
        Smallest, largest and most frequent (the smallest of several) finite value. Decimals of more than 18 digits are
        counted as the nearest float64 and have floats here.
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
        Lengths of texts in characters (code points), of binary values in bytes.
    num_invalid_utf8 : int or None
        Rows whose text is not UTF-8.
    value_type : Kind or None
        Of a list, the type of the values in it.
    num_values, num_null_values : int or None
        Of a list, the values of all rows, and the nulls among them.
    values_histogram : tuple of (low, high, count)
        Of a list, rows by how many values they have, in the manner of `histogram`.
    num_empty : int or None
        Texts and binary values of length 0, or lists without values; none of them is missing.
    length_histogram : tuple of (shortest, longest, count)
        Rows by length: a range each below 32, four to a power of two above. Exact.
    patterns : tuple of (pattern, count)
        The ten most frequent patterns of texts: digits are 9, small letters a, capitals A ("AA-9999"); where ten of
        these are less than four fifths of the rows, runs of any length are one ("A+-9+").
    outline : Outline or None
        Peaks, symmetry and tails of numbers, and the words for them; None for fewer than 100 values, or ten
        distinct ones.
    semantic : Semantic or None
        What the values are about (an identifier, an e-mail address, a country ...), and what says so.
    weighted : WeightedStatistics or None
        Figures by the weights of rows, where the data set has a weight column.
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
    value_type: Kind | None = None
    num_values: int | None = None
    num_null_values: int | None = None
    values_histogram: tuple[tuple[float, float, float], ...] = ()
    num_empty: int | None = None
    length_histogram: tuple[tuple[int, int, int], ...] = ()
    patterns: tuple[tuple[str, int], ...] = ()
    outline: Outline | None = None
    semantic: Semantic | None = None
    weighted: WeightedStatistics | None = None
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
    def from_distribution(
        cls,
        name: str,
        one: GroupDistribution,
        *,
        type: Kind | None = None,
        value_type: Kind | None = None,
        digits: int = 0,
        lengths: GroupDistribution | None = None,
        weighted: GroupDistribution | None = None,
    ) -> FeatureStatistics:
        """All figures of one group of a Distribution.

        Parameters
        ----------
        name : str
            The feature.
        one : GroupDistribution
            Its values; of a list those of all rows.
        type, value_type : Kind, optional
            The feature's and its values', where they are not the distribution's own kind.
        digits : int
            Of a decimal: its values are integers of so many decimal places.
        lengths : GroupDistribution, optional
            Of a list: how many values a row has.
        weighted : GroupDistribution, optional
            Its values by weight, as `WeightedDistribution` has them.

        Cost: a few milliseconds.
        """
        value_type = value_type or one.kind
        found = _rows(one, lengths)
        if value_type in ("text", "binary"):
            found |= _texts(one, value_type, is_list=lengths is not None)
        elif value_type in _NUMERIC:
            found |= _numbers(one, digits if value_type == "decimal" else None)
        if lengths is not None:
            found |= {
                "value_type": value_type,
                "num_values": one.num_rows,
                "num_null_values": one.num_missing,
                "num_empty": lengths.num_zeros,
                "values_histogram": histogram_of(lengths),
            }
        if weighted is not None:
            found["weighted"] = WeightedStatistics.from_distribution(weighted, digits)
        semantic = recognise(name, value_type, one) if lengths is None else None
        return cls(name=name, type=type or one.kind, semantic=semantic, **found)

    def to_plain(self) -> dict[str, Any]:
        """As plain data for JSON: figures that are None, and empty ones, are left out."""
        plain = {
            item.name: value
            for item in dataclasses.fields(self)
            if (value := getattr(self, item.name)) is not None and value not in ((), {})
        }
        for word in ("min", "max", "mode"):
            if isinstance(plain.get(word), Decimal):
                plain[word] = str(plain[word])
        for word in ("outline", "semantic", "weighted"):
            if word in plain:
                plain[word] = dataclasses.asdict(plain[word])
        if self.error_bounds:
            plain["error_bounds"] = {name: dataclasses.asdict(bound) for name, bound in self.error_bounds.items()}
        return plain


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _rows(one: GroupDistribution, lengths: GroupDistribution | None) -> dict[str, Any]:
    """Counts of rows, and of values in a row."""
    rows = one if lengths is None else lengths
    is_present = int(rows.num_present > 0)
    found: dict[str, Any] = {
        "num_rows": rows.num_rows,
        "num_present": rows.num_present,
        "num_missing": rows.num_missing,
        "min_values": is_present,
        "mean_values": float(is_present),
        "max_values": is_present,
    }
    if lengths is not None and is_present:
        found |= {"min_values": lengths.min, "mean_values": lengths.mean, "max_values": lengths.max}
    return found


def _texts(one: GroupDistribution, value_type: Kind, *, is_list: bool) -> dict[str, Any]:
    shortest, mean_length, longest, num_invalid = one.lengths
    is_present = one.num_present > 0
    histogram = tuple(one.length_histogram)
    found: dict[str, Any] = {
        "num_distinct": one.num_distinct,
        "min_length": shortest if is_present else None,
        "mean_length": _number(mean_length),
        "max_length": longest if is_present else None,
        "length_histogram": histogram,
        "error_bounds": dict(one.error_bounds),
    }
    if not is_list:
        found["num_empty"] = histogram[0][2] if histogram and histogram[0][:2] == (0, 0) else 0
    if value_type == "text":
        patterns, bound = _patterns(one)
        found |= {
            "top_values": tuple(one.top_values(NUM_TOP_VALUES)),
            "num_invalid_utf8": num_invalid,
            "patterns": patterns,
        }
        if bound:
            found["error_bounds"]["patterns"] = ErrorBound(float(bound), 1.0)
    return found


def _patterns(one: GroupDistribution) -> tuple[tuple[tuple[str, int], ...], int]:
    found, bound = one.patterns
    top = found[:NUM_PATTERNS]
    if sum(count for _, count in top) < _COVERED * one.num_finite:
        short: dict[str, int] = {}
        for pattern, count in found:
            word = short_pattern(pattern)
            short[word] = short.get(word, 0) + count
        top = sorted(short.items(), key=lambda pair: (-pair[1], pair[0].encode()))[:NUM_PATTERNS]
    return tuple(top), bound


def _numbers(one: GroupDistribution, digits: int | None) -> dict[str, Any]:
    low, high = one.min, one.max
    quantiles = one.quantiles(_PERCENTS.tolist()).tolist() if low is not None else []
    found: dict[str, Any] = {
        "mean": _number(one.mean),
        "std_dev": _number(one.std_dev),
        "skewness": _number(one.skewness),
        "kurtosis": _number(one.kurtosis),
        "min": low,
        "max": high,
        "median": quantiles[50] if quantiles else None,
        "mode": one.mode,
        "num_zeros": one.num_zeros,
        "num_nan": one.num_nan,
        "num_infinite": one.num_negative_infinite + one.num_positive_infinite,
        "num_distinct": one.num_distinct,
        "histogram": histogram_of(one),
        "quantiles": tuple(quantiles),
        "outline": outline_of(one) if one.kind != "boolean" else None,
        "error_bounds": one.error_bounds,
    }
    return found if digits is None or one.kind != "integer" else _with_digits(found, digits)


def _with_digits(found: dict[str, Any], digits: int) -> dict[str, Any]:
    """The same figures, of whole numbers, as those of decimals with so many places."""
    unit = 10**digits
    for word in ("min", "max", "mode"):
        if found[word] is not None:
            found[word] = Decimal(found[word]).scaleb(-digits)
    for word in ("mean", "std_dev", "median"):
        if found[word] is not None:
            found[word] /= unit
    found["histogram"] = tuple((low / unit, high / unit, count) for low, high, count in found["histogram"])
    found["quantiles"] = tuple(value / unit for value in found["quantiles"])
    outline: Outline | None = found["outline"]
    if outline is not None:
        found["outline"] = dataclasses.replace(outline, peaks=tuple(peak / unit for peak in outline.peaks))
    bounds = found["error_bounds"]
    if "median" in bounds:
        median = ErrorBound(bounds["median"].error_bound / unit, bounds["median"].probability)
        found["error_bounds"] = bounds | {"median": median}
    return found


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value

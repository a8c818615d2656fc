"""What a Distribution answers: arrays over groups, and one record a group."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold._column import value_type
from headrace.fold.cells import Cells
from headrace.fold.counts import to_arrow_values
from headrace.fold.exponent_accumulator import ExponentAccumulator, Shape
from headrace.fold.number_sketch import NumberSketch
from headrace.fold.tally import Tally
from headrace.fold.text_patterns import add_patterns, bucket_bounds
from headrace.fold.text_sketch import TextLengths, TextSketch
from headrace.fold.value_table import ValueTable
from headrace.kinds import Kind

__all__ = ["DistributionResult", "ErrorBound", "GroupDistribution"]


@dataclass(frozen=True)
class ErrorBound:
    """How far an approximate figure may be off.

    Parameters
    ----------
    error_bound : float
        The truth is at most this far away, in the figure's own unit ...
    probability : float
        ... with this probability; 1.0 where it is certain.
    """

    error_bound: float
    probability: float


@dataclass(frozen=True)
class GroupDistribution:
    """The distribution of one group's values; figures are worked out when asked for.

    Parameters
    ----------
    kind : Kind
        The column's kind. Booleans count as the integers 0 and 1, timestamps as microseconds UTC.
    num_rows, num_missing, num_nan, num_negative_infinite, num_positive_infinite : int
        Rows; among them nulls, NaN and infinities, none of which is in any other figure.
    is_exact : bool
        Whether every figure is exact; otherwise `error_bounds` says which are not, and by how much.
    """

    kind: Kind
    num_rows: int
    num_missing: int
    num_nan: int
    num_negative_infinite: int
    num_positive_infinite: int
    is_exact: bool
    _values: Any
    _counts: npt.NDArray[np.int64]
    _numbers: NumberSketch
    _texts: TextSketch
    _position: int

    @property
    def _is_text(self) -> bool:
        return value_type(self.kind) is None

    @property
    def num_present(self) -> int:
        """Rows that are not null; NaN and infinities are present."""
        return self.num_rows - self.num_missing

    @property
    def num_finite(self) -> int:
        """Rows that all other figures are about."""
        return self.num_present - self.num_nan - self.num_negative_infinite - self.num_positive_infinite

    @functools.cached_property
    def values(self) -> pa.Array:
        """Distinct finite values, ascending (texts by their bytes), in the kind's canonical Arrow type.

        Raises InvalidInput when the group has too many to have been kept (`is_exact` is False).
        """
        self._demand_table()
        return to_arrow_values(self._values, self.kind)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """int64[num_distinct]: how often each of `values` came; raises as `values` does."""
        self._demand_table()
        return self._counts

    def _demand_table(self) -> None:
        if not self.is_exact:
            raise InvalidInput(
                f"about {self.num_distinct} distinct values are too many for an exact table",
                fix="use headrace.fold.Counts, or a larger max_distinct",
            )

    @property
    def num_distinct(self) -> int:
        """Distinct finite values; an estimate when not exact."""
        return len(self._counts) if self.is_exact else self._distinct[0]

    @functools.cached_property
    def _distinct(self) -> tuple[int, float]:
        sketch = self._texts.distinct if self._is_text else self._numbers.distinct
        return sketch.num_distinct(self._position)

    @functools.cached_property
    def _shape(self) -> Shape:
        if self._is_text:
            return Shape(math.nan, math.nan, math.nan, math.nan)
        if not self.is_exact:
            return self._numbers.moments.shape(self._position, self.num_finite)
        accumulator = ExponentAccumulator.empty(1)
        accumulator.add_values(self._values, self._counts, None)
        return accumulator.shape(0, self.num_finite)

    @property
    def mean(self) -> float:
        """Mean, rounded once from exact sums; NaN when there are no finite values."""
        return self._shape.mean

    @property
    def std_dev(self) -> float:
        """Population standard deviation, from exact sums; NaN when there are no finite values."""
        return self._shape.std_dev

    @property
    def skewness(self) -> float:
        """Population skewness, from exact sums; NaN when all values are equal."""
        return self._shape.skewness

    @property
    def kurtosis(self) -> float:
        """Population excess kurtosis (0 for a normal distribution), from exact sums; NaN when all values are equal."""
        return self._shape.kurtosis

    @property
    def min(self) -> Any:
        """Smallest finite value (int, float or bytes), exact; None when there is none, and for sketched text."""
        return self._edge(0)

    @property
    def max(self) -> Any:
        """Largest finite value (int, float or bytes), exact; None when there is none, and for sketched text."""
        return self._edge(-1)

    def _edge(self, index: int) -> Any:
        if not self.is_exact:
            grid = self._numbers.grid
            return None if self._is_text else (grid.high if index else grid.low)[self._position].item()
        return _item(self._values, index % len(self._counts)) if len(self._counts) else None

    @property
    def num_zeros(self) -> int:
        """Values that are zero (False, or the epoch)."""
        if self._is_text:
            return 0
        if not self.is_exact:
            return int(self._numbers.grid.num_zeros[self._position])
        return int(self._counts[self._values == 0].sum())

    @functools.cached_property
    def mode(self) -> Any:
        """The most frequent value, the smallest of several; None when there is none or sketches cannot know it.

        In sketched numbers it is known when zero, the smallest or the largest value outweighs every cell.
        """
        if self.is_exact:
            return _item(self._values, int(np.argmax(self._counts))) if len(self._counts) else None
        if self._is_text:
            return None
        cells = self._cells
        top = int(np.argmax(cells.counts))
        if cells.low[top] != cells.high[top]:
            return None
        edges = {float(edge): edge for edge in (self.min, self.max)}
        return edges.get(float(cells.low[top]), cells.low[top].item())

    @functools.cached_property
    def _cells(self) -> Cells:
        if self._is_text:
            nothing = np.zeros(0)
            return Cells(nothing, nothing, np.zeros(0, np.int64))
        if not self.is_exact:
            return self._numbers.grid.of_group(self._position)
        values = self._values.astype(np.float64)
        return Cells(values, values, self._counts)

    def quantiles(self, shares: Sequence[float]) -> npt.NDArray[np.float64]:
        """float64[len(shares)]: quantiles of the finite values; NaN when there is none.

        Linear between neighbouring values, as NumPy's default. `shares` are in 0 .. 1.
        """
        return self._cells.quantiles(shares)[0]

    def quantile_bounds(self, shares: Sequence[float]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Between which the true quantiles lie, for certain: float64[len(shares)] twice; equal when exact."""
        return self._cells.quantiles(shares)[1:]

    def histogram(self, edges: Sequence[float]) -> npt.NDArray[np.float64]:
        """float64[len(edges) - 1]: values in [edge, next edge), the last with both ends.

        Whole numbers when exact; otherwise a cell (2^-9 of its value wide) that an edge cuts is shared out.
        """
        return self._cells.histogram(np.asarray(edges, np.float64))

    def top_values(self, number: int) -> list[tuple[str, int]]:
        """The most frequent texts and their counts, most frequent first, then by their bytes; [] for numbers.

        When not exact these are the most frequent of a sample of 4,096 values: counts are exact, but a value that is
        missing may have as many rows as `error_bounds["top_values"]` says. What is not UTF-8 has replacement marks.
        """
        if not self._is_text:
            return []
        values, counts = (
            (self._values, self._counts) if self.is_exact else self._texts.sample.of_group(self._position)[:2]
        )
        if not self.is_exact:  # the sample is in order of hashes
            order = np.array(sorted(range(len(counts)), key=lambda at: (-counts[at], values[at].as_py())), np.int64)
        else:
            order = np.argsort(-counts, kind="stable")
        shown = order[:number].tolist()
        return [(values[at].as_py().decode("utf-8", "replace"), int(counts[at])) for at in shown]

    def some_values(self, number: int) -> list[str]:
        """So many distinct texts, spread evenly over all: the same ones whenever the values are; [] for numbers."""
        if not self._is_text:
            return []
        values = self._values if self.is_exact else self._texts.sample.of_group(self._position)[0]
        places = np.unique(np.linspace(0, max(0, len(values) - 1), min(number, len(values))).astype(np.int64))
        return [values[at].as_py().decode("utf-8", "replace") for at in places.tolist()]

    def is_whole(self, unit: int) -> bool | None:
        """Whether every finite value is a multiple of a unit; None where there are too many values to know."""
        if self._is_text or not len(self._counts) or not self.is_exact:
            return None
        return bool((np.remainder(self._values, unit) == 0).all())

    @functools.cached_property
    def _lengths(self) -> tuple[TextLengths, int]:
        if not self.is_exact:
            return self._texts.lengths, self._position
        lengths, owners = TextLengths.empty(1), np.zeros(len(self._counts), np.int32)
        if self._is_text:
            lengths.add_values(self._values, self._counts, owners, is_binary=self.kind == "binary")
        return lengths, 0

    @property
    def lengths(self) -> tuple[int, float, int, int]:
        """Of text: smallest, mean and largest length in characters (of bytes: in bytes), and rows that are not UTF-8.

        (0, NaN, 0, 0) when there are no texts. Exact always.
        """
        lengths, at = self._lengths
        number, total = int(lengths.num_values[at]), int(lengths.total_length[at])
        mean = total / number if number else math.nan
        return int(lengths.min_length[at]), mean, int(lengths.max_length[at]), int(lengths.num_invalid_utf8[at])

    @property
    def length_histogram(self) -> list[tuple[int, int, int]]:
        """Of text: (shortest, longest, rows) of each range of lengths that occurs; exact counts, ascending.

        Lengths below 32 have a range each, longer ones four to a power of two.
        """
        lengths, at = self._lengths
        longest, buckets = int(lengths.max_length[at]), lengths.buckets[at]
        return [(*bucket_bounds(bucket, longest), int(buckets[bucket])) for bucket in np.flatnonzero(buckets).tolist()]

    @functools.cached_property
    def patterns(self) -> tuple[list[tuple[str, int]], int]:
        """Of text: every pattern (`AA-9999`) and its rows, most frequent first; and a bound.

        The bound is what a pattern that is not listed may have at most: 0 as long as there are no more than 4,096.
        """
        if self.kind != "text":
            return [], 0
        bound = 0
        if self.is_exact:
            owners = np.zeros(len(self._counts), np.int32)
            values, counts, _ = add_patterns(self._values, self._counts, owners, 1)
        else:
            values, counts, bound = self._texts.patterns.of_group(self._position)
        pairs = zip(values.to_pylist(), counts.tolist(), strict=True)
        found = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))
        return [(pattern.decode("utf-8", "replace"), count) for pattern, count in found], bound

    @functools.cached_property
    def error_bounds(self) -> dict[str, ErrorBound]:
        """Which figures are approximate, and by how much; empty when exact.

        `num_distinct` (95 %); `top_values` of text: rows a value missing from the list may have; `median`: certain.
        """
        if self.is_exact:
            return {}
        bounds = {"num_distinct": ErrorBound(self._distinct[1], 0.95)}
        if self._is_text:
            bounds["top_values"] = ErrorBound(float(self._texts.sample.of_group(self._position)[2]), 1.0)
        else:
            middle, low, high = (float(item[0]) for item in self._cells.quantiles([0.5]))
            bounds["median"] = ErrorBound(max(high - middle, middle - low), 1.0)
        return bounds


def _item(values: Any, index: int) -> Any:
    return values[index].item() if isinstance(values, np.ndarray) else values[index].as_py()


@dataclass(frozen=True)
class DistributionResult:
    """Distributions of all groups: `result[group]` is a GroupDistribution, the properties are arrays over groups."""

    kind: Kind
    _tally: Tally
    _table: ValueTable
    _positions: npt.NDArray[np.int32]
    _numbers: NumberSketch
    _texts: TextSketch

    def __len__(self) -> int:
        return self._tally.num_groups

    def __getitem__(self, group: int) -> GroupDistribution:
        if not 0 <= group < len(self):
            raise IndexError(f"group {group} of {len(self)}")
        tally, position = self._tally, int(self._positions[group])
        return GroupDistribution(
            self.kind,
            int(tally.num_rows[group]),
            int(tally.num_missing[group]),
            int(tally.num_nan[group]),
            int(tally.num_negative_infinite[group]),
            int(tally.num_positive_infinite[group]),
            position < 0,
            *self._table.of_group(group),
            self._numbers,
            self._texts,
            position,
        )

    def __iter__(self) -> Iterator[GroupDistribution]:
        return (self[group] for group in range(len(self)))

    @property
    def num_rows(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: rows."""
        return self._tally.num_rows

    @property
    def num_missing(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: nulls."""
        return self._tally.num_missing

    @property
    def num_present(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: rows that are not null."""
        return self._tally.num_rows - self._tally.num_missing

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """float64[num_groups]: means of the finite values; NaN where there are none."""
        return np.array([item.mean for item in self], np.float64)

    @property
    def std_dev(self) -> npt.NDArray[np.float64]:
        """float64[num_groups]: population standard deviations of the finite values; NaN where there are none."""
        return np.array([item.std_dev for item in self], np.float64)

    def quantiles(self, shares: Sequence[float]) -> npt.NDArray[np.float64]:
        """float64[num_groups, len(shares)]: quantiles of the finite values; NaN where there are none."""
        return np.array([item.quantiles(shares) for item in self], np.float64).reshape(len(self), len(shares))

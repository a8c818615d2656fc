"""What a Distribution answers: arrays over groups, and one record a group."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.fold.counts import to_arrow_values
from headrace.fold.tally import Tally
from headrace.fold.value_table import ValueTable
from headrace.schema import Kind

__all__ = ["DistributionResult", "GroupDistribution"]


@dataclass(frozen=True)
class GroupDistribution:
    """The distribution of one group's values."""

    kind: Kind
    num_rows: int
    num_missing: int
    num_nan: int
    num_negative_infinite: int
    num_positive_infinite: int
    _values: Any
    counts: npt.NDArray[np.int64]

    @property
    def num_present(self) -> int:
        """Rows that are not null (NaN and infinities are present)."""
        return self.num_rows - self.num_missing

    @functools.cached_property
    def values(self) -> pa.Array:
        """Distinct finite values, ascending, in the kind's canonical Arrow type; `counts` stands beside it."""
        return to_arrow_values(self._values, self.kind)

    @property
    def is_exact(self) -> bool:
        """Whether every statistic is exact."""
        return True

    @property
    def num_distinct(self) -> int:
        """Distinct finite values."""
        return len(self.counts)

    @functools.cached_property
    def _powers(self) -> tuple[int, Fraction, Fraction]:
        count = int(self.counts.sum())
        first = second = Fraction(0)
        for value, number in zip(self._values.tolist(), self.counts.tolist(), strict=True):
            exact = Fraction(value)
            first += number * exact
            second += number * exact * exact
        return count, first, second

    @property
    def mean(self) -> float:
        """Mean of the finite values; NaN when there is none."""
        count, first, _ = self._powers
        return float(first / count) if count else math.nan

    @property
    def std_dev(self) -> float:
        """Population standard deviation of the finite values; NaN when there is none."""
        count, first, second = self._powers
        return math.sqrt(second / count - (first / count) ** 2) if count else math.nan

    @property
    def min(self) -> Any:
        """Smallest finite value (int, float or bytes); None when there is none."""
        return _item(self._values, 0) if len(self.counts) else None

    @property
    def max(self) -> Any:
        """Largest finite value; None when there is none."""
        return _item(self._values, len(self.counts) - 1) if len(self.counts) else None

    def quantiles(self, shares: Sequence[float]) -> npt.NDArray[np.float64]:
        """float64[len(shares)]: quantiles of the finite values, linear between neighbours; NaN when there is none."""
        if not len(self.counts):
            return np.full(len(shares), math.nan)
        ends = np.cumsum(self.counts)
        places = np.asarray(shares, np.float64) * (int(ends[-1]) - 1)
        below = np.floor(places).astype(np.int64)
        low = self._values[np.searchsorted(ends, below, side="right")].astype(np.float64)
        high = self._values[np.searchsorted(ends, np.minimum(below + 1, ends[-1] - 1), side="right")]
        return np.asarray(low + (places - below) * (high.astype(np.float64) - low))


def _item(values: Any, index: int) -> Any:
    return values[index].item() if isinstance(values, np.ndarray) else values[index].as_py()


@dataclass(frozen=True)
class DistributionResult:
    """Distributions of all groups: `result[group]` is a GroupDistribution; counts are int64[num_groups]."""

    kind: Kind
    tally: Tally
    table: ValueTable

    def __len__(self) -> int:
        return self.tally.num_groups

    def __getitem__(self, group: int) -> GroupDistribution:
        if not 0 <= group < len(self):
            raise IndexError(f"group {group} of {len(self)}")
        tally = self.tally
        return GroupDistribution(
            self.kind,
            int(tally.num_rows[group]),
            int(tally.num_missing[group]),
            int(tally.num_nan[group]),
            int(tally.num_negative_infinite[group]),
            int(tally.num_positive_infinite[group]),
            *self.table.of_group(group),
        )

    def __iter__(self) -> Iterator[GroupDistribution]:
        return (self[group] for group in range(len(self)))

    @property
    def num_rows(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: rows."""
        return self.tally.num_rows

    @property
    def num_missing(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: nulls."""
        return self.tally.num_missing

    @property
    def num_present(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: rows that are not null."""
        return self.tally.num_rows - self.tally.num_missing

"""The tally: rows, nulls and the values no table holds (NaN and the infinities), counted apart for each group."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from headrace.fold._column import Column
from headrace.fold._contract import Groups, State
from headrace.fold.kernels.grouped import order_of
from headrace.fold.kernels.native import library, pointer

__all__ = ["Tally"]


@dataclass
class Tally(State):
    """Integer counts, each int64[num_groups]."""

    num_rows: npt.NDArray[np.int64]
    num_missing: npt.NDArray[np.int64]
    num_nan: npt.NDArray[np.int64]
    num_negative_infinite: npt.NDArray[np.int64]
    num_positive_infinite: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, num_groups: int) -> Self:
        """No rows in any group."""
        return cls(*(np.zeros(num_groups, np.int64) for _ in dataclasses.fields(cls)))

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.num_rows)

    @property
    def num_finite(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: rows whose value is neither null nor NaN nor infinite."""
        apart = self.num_missing + self.num_nan + self.num_negative_infinite + self.num_positive_infinite
        return self.num_rows - apart

    def join(self, other: Tally, groups: Groups) -> None:
        """Add another tally, whose group i is this one's group groups[i]."""
        for item in dataclasses.fields(self):
            np.add.at(getattr(self, item.name), groups, getattr(other, item.name))

    def add(self, column: Column) -> Column:
        """Count a column's rows; returns it without NaN and infinities (its `valid` then covers finite values only)."""
        if self.num_groups == 0 or column.num_rows == 0:
            return column
        self._count(self.num_rows, None, column)
        if column.num_missing:
            if column.groups is None:
                self.num_missing[0] += column.num_missing
            else:
                assert column.valid is not None
                self._count(self.num_missing, ~column.valid, column)
        if column.values is None or column.values.dtype != np.float64:
            return column
        native = library()
        if native is not None and column.groups is None:
            return self._keep(native, column)
        valid = column.valid
        finite = np.isfinite(column.values)
        if valid is not None:
            finite &= valid
        apart = column.num_rows - column.num_missing - int(np.count_nonzero(finite))
        if apart:
            for counter, mask in (
                (self.num_nan, np.isnan(column.values)),
                (self.num_negative_infinite, column.values == -np.inf),
                (self.num_positive_infinite, column.values == np.inf),
            ):
                self._count(counter, mask if valid is None else mask & valid, column)
            return dataclasses.replace(column, bitmap=None, mask=finite)
        return column

    def _keep(self, native: Any, column: Column) -> Column:
        """The finite floats of group 0 alone."""
        values = column.values
        assert values is not None
        kept, apart, edges = np.empty(len(values), np.float64), np.zeros(4, np.int64), np.zeros(2, np.float64)
        address, offset, _held = column.bits
        number = native.hr_keep_f64(
            pointer(values), address, offset, len(values), pointer(kept), pointer(apart), pointer(edges)
        )
        self.num_nan[0] += apart[0]
        self.num_negative_infinite[0] += apart[1]
        self.num_positive_infinite[0] += apart[2]
        if number == 0:
            return Column(0, 0, kept[:0], None)
        return Column(number, 0, kept[:number], None, edges=(float(edges[0]), float(edges[1]), int(apart[3])))

    @staticmethod
    def _count(counter: npt.NDArray[np.int64], mask: npt.NDArray[Any] | None, column: Column) -> None:
        if column.groups is None:
            counter[0] += column.num_rows if mask is None else int(np.count_nonzero(mask))
        else:
            native = library()
            if mask is None and native is not None:  # the rows of each group are the same for all columns of a batch
                counter += order_of(native, column.groups, len(counter)).counts
                return
            groups = column.groups if mask is None else column.groups[mask]
            counter += np.bincount(groups, minlength=len(counter))

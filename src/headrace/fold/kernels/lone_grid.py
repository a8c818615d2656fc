"""The ordered-key grid of one group while rows come: a dense table that is moved only when the range grows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.fold.kernels.native import library, pointer
from headrace.fold.kernels.ordered_keys import Scale, cells_of, move_cells, scale_of

__all__ = ["LoneGrid"]

Edges = tuple[Any, Any, int]
"""The smallest of some values, the largest, and how many are zero."""


def _edges_of(values: npt.NDArray[Any]) -> Edges:
    return values.min(), values.max(), int(np.count_nonzero(values == 0))


class LoneGrid:
    """Counts of finite values by cell, the smallest, the largest and zeros among them counted apart as well.

    Starts with the values it is made of: at least one, int64 or float64, no -0.0. Size: 512 kB.
    """

    def __init__(self, values: npt.NDArray[Any], edges: Edges | None = None) -> None:
        self.low, self.high, zeros = edges or _edges_of(values)
        self.num_low = self.num_high = self.num_zeros = 0
        self._scale: Scale = scale_of(*self._edges())
        self._first, self._table = self._make_table()
        self._count(values, self.low, self.high, zeros)

    def _edges(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return np.array([self.low], np.float64), np.array([self.high], np.float64)

    def _make_table(self) -> tuple[int, npt.NDArray[np.int64]]:
        first, last = cells_of(np.concatenate(self._edges()), self._scale, None).tolist()
        return first, np.zeros(last - first + 1, np.int64)

    def add(self, values: npt.NDArray[Any], edges: Edges | None = None) -> None:
        """Add values: at least one. Cost: 1 ns a value, 4 ns without compiled kernels."""
        low, high, zeros = edges or _edges_of(values)
        if low < self.low or high > self.high:
            self._widen(min(low, self.low), max(high, self.high))
        self._count(values, low, high, zeros)

    def _count(self, values: npt.NDArray[Any], low: Any, high: Any, zeros: int) -> None:
        self.num_low += int(np.count_nonzero(values == low)) if low == self.low else 0
        self.num_high += int(np.count_nonzero(values == high)) if high == self.high else 0
        self.num_zeros += zeros
        floats, native = np.ascontiguousarray(values, np.float64), library()
        if native is None:
            self._table += np.bincount(cells_of(floats, self._scale, None) - self._first, minlength=len(self._table))
            return
        shift, floor = int(self._scale[0][0]), int(self._scale[1][0])
        size = len(self._table)
        native.hr_count_cells(pointer(floats), len(floats), shift, floor, self._first, size, pointer(self._table))

    def _widen(self, low: Any, high: Any) -> None:
        """Move what was counted to the scale of a wider range."""
        self.num_low = self.num_low if low == self.low else 0
        self.num_high = self.num_high if high == self.high else 0
        old, seen = self._scale, np.flatnonzero(self._table)
        cells, counts = seen + self._first, self._table[seen]
        self.low, self.high = low, high
        self._scale = scale_of(*self._edges())
        self._first, self._table = self._make_table()
        moved = move_cells(cells, np.zeros(len(cells), np.int64), old, self._scale)
        np.add.at(self._table, moved - self._first, counts)

    def cells(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Cells and counts of all values but the smallest, the largest and zeros."""
        table = self._table.copy()
        atoms = [(self.low, self.num_low)]
        atoms += [(self.high, self.num_high)] if self.high != self.low else []
        atoms += [(0, self.num_zeros)] if self.low != 0 and self.high != 0 and self.num_zeros else []
        for value, number in atoms:
            place = cells_of(np.array([value], np.float64), self._scale, None)[0] - self._first
            table[place] -= number
        seen = np.flatnonzero(table)
        return seen + self._first, table[seen]

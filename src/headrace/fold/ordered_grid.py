"""The ordered-key grid: 65,536 cells between true bounds, from which quantiles and histograms follow."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from headrace.fold._column import read_column, value_type
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold.cells import Cells
from headrace.fold.kernels.entries import Entries, reduce_entries
from headrace.fold.kernels.lone_grid import LoneGrid
from headrace.fold.kernels.ordered_keys import Scale, bounds_of, cells_of, move_cells, scale_of
from headrace.fold.tally import Tally
from headrace.kinds import Kind

__all__ = ["OrderedGrid", "Quantiles", "QuantilesState"]

_PIECE_ROWS = 1 << 17


@dataclass
class OrderedGrid(State):
    """Counts of values in cells over the order-preserving bits of the float: ragged over groups.

    Parameters
    ----------
    low, high : float64[num_groups] or int64[num_groups]
        The smallest and largest value, exact; 0 in a group without values.
    num_low, num_high, num_zeros : int64[num_groups]
        How often the smallest, the largest (unless they are equal) and zero came; zeros are counted only there.
    offsets : int64[num_groups + 1]
        Group g owns cells offsets[g] to offsets[g + 1].
    cells : int64[n]
        Ascending within a group; integers are placed as the nearest float64.
    counts : int64[n]
        All other values: at least 1 each.

    What comes to a lone group waits in a dense table (no field, not encoded) until `canonical` joins it.
    Scale (`kernels.ordered_keys`) follows from low and high alone, so the state is the same whatever the order.
    Size: 16 bytes a cell that occurs, at most 1 MB a group. Bound: a cell is at most 2^-9 of its value wide.
    """

    low: npt.NDArray[Any]
    high: npt.NDArray[Any]
    num_low: npt.NDArray[np.int64]
    num_high: npt.NDArray[np.int64]
    num_zeros: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    cells: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        self._lone: LoneGrid | None = None

    def canonical(self) -> Self:
        """The one form of equal contents."""
        if self._lone is not None:
            lone, self._lone = self._lone, None
            one = np.ones(1, np.int64)
            low, high = one.astype(self.low.dtype) * lone.low, one.astype(self.low.dtype) * lone.high
            piece = _from_atoms(low, high, one * lone.num_low, one * lone.num_high, one * lone.num_zeros)
            piece.cells, piece.counts = lone.cells()
            piece.offsets = np.array([0, len(piece.cells)], np.int64)
            self.join(piece, np.zeros(1, np.int32))
        return self

    @classmethod
    def empty(cls, kind: Kind, num_groups: int) -> Self:
        """No values in any group."""
        low, high = np.zeros(num_groups, value_type(kind)), np.zeros(num_groups, value_type(kind))
        num_low, num_high, num_zeros = np.zeros((3, num_groups), np.int64)
        cells, counts = np.zeros((2, 0), np.int64)
        return cls(low, high, num_low, num_high, num_zeros, np.zeros(num_groups + 1, np.int64), cells, counts)

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.low)

    @property
    def _has_values(self) -> npt.NDArray[np.bool_]:
        return (self.num_low > 0) | (self.num_zeros > 0)

    def add_values(
        self,
        values: npt.NDArray[Any],
        counts: npt.NDArray[np.int64] | None,
        groups: Groups | None,
        edges: tuple[float, float, int] | None = None,
    ) -> None:
        """Add finite values (no -0.0), each counts[i] times (None: once), to groups (None: all to group 0).

        `edges` are the smallest and the largest of them and the number of zeros, where they are known.
        Cost: 1 to 2 ns a value to a lone group, 4 ns without compiled kernels, 100 ns to several groups.
        """
        if groups is None and counts is None and self.num_groups == 1:
            if len(values) and self._lone is None:
                self._lone = LoneGrid(values, edges)
            elif self._lone is not None and len(values):
                self._lone.add(values, edges)
            return
        for first in range(0, len(values), _PIECE_ROWS):
            piece = slice(first, first + _PIECE_ROWS)
            self._add_piece(
                values[piece], None if counts is None else counts[piece], None if groups is None else groups[piece]
            )

    def _add_piece(self, values: npt.NDArray[Any], counts: npt.NDArray[np.int64] | None, groups: Groups | None) -> None:
        if groups is None:
            low, high = values.min(keepdims=True), values.max(keepdims=True)
            atoms = [_times(values == edge, counts) for edge in (low, high, 0)]
            if self.num_groups > 1:  # the common case is one group; here group 0 of several
                groups = np.zeros(len(values), np.int32)
        if groups is not None:
            order = np.argsort(groups, kind="stable")
            values, groups = values[order], groups[order]
            counts = None if counts is None else counts[order]
            starts = np.flatnonzero(np.append(True, groups[1:] != groups[:-1]))
            present = groups[starts]
            low, high = np.zeros(self.num_groups, self.low.dtype), np.zeros(self.num_groups, self.low.dtype)
            low[present], high[present] = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
            weights = np.ones(len(values), np.int64) if counts is None else counts
            atoms = []
            for mask in (values == low[groups], values == high[groups], values == 0):
                total = np.zeros(self.num_groups, np.int64)
                np.add.at(total, groups[mask], weights[mask])
                atoms.append(total)
        piece = _from_atoms(low, high, *atoms)
        scale = piece._scale()
        wide = None if groups is None else groups.astype(np.int64)
        cells = cells_of(values.astype(np.float64, copy=False), scale, wide)
        kept = np.flatnonzero(
            (values != 0)
            & (values != (low[0] if wide is None else low[wide]))
            & (values != (high[0] if wide is None else high[wide]))
        )
        if len(kept):
            entries = Entries(
                None if wide is None else wide[kept].astype(np.int32),
                cells[kept],
                np.ones(len(kept), np.int64) if counts is None else counts[kept],
            )
            piece.offsets, piece.cells, piece.counts = reduce_entries([entries], self.num_groups)
        self.join(piece, np.arange(self.num_groups, dtype=np.int32))

    def _scale(self) -> Scale:
        return scale_of(self.low.astype(np.float64), self.high.astype(np.float64))

    def _groups(self) -> npt.NDArray[np.int64]:
        return np.repeat(np.arange(self.num_groups), np.diff(self.offsets))

    def join(self, other: OrderedGrid, groups: Groups) -> None:
        """Add another grid, whose group i is this one's group groups[i] (several may join one)."""
        self.canonical()
        other.canonical()
        mine, theirs = self._has_values, other._has_values
        low, high = self.low.copy(), self.high.copy()
        for group, source in zip(groups[theirs].tolist(), np.flatnonzero(theirs).tolist(), strict=True):
            if mine[group]:
                low[group] = min(low[group], other.low[source])
                high[group] = max(high[group], other.high[source])
            else:
                low[group], high[group], mine[group] = other.low[source], other.high[source], True
        joined = dataclasses.replace(self, low=low, high=high)
        scale = joined._scale()
        num_low, num_high, num_zeros = (np.zeros(self.num_groups, np.int64) for _ in range(3))
        parts = []
        for grid, target in ((self, np.arange(self.num_groups)), (other, groups.astype(np.int64))):
            np.add.at(num_zeros, target, grid.num_zeros)
            for edge, number in ((grid.low, grid.num_low), (grid.high, grid.num_high)):
                held = np.flatnonzero(number)
                where, values, times = target[held], edge[held], number[held]
                is_low, is_high = values == low[where], values == high[where]
                np.add.at(num_low, where[is_low], times[is_low])
                np.add.at(num_high, where[is_high & ~is_low], times[is_high & ~is_low])
                inside = ~(is_low | is_high)
                if inside.any():
                    cells = cells_of(values[inside].astype(np.float64), scale, where[inside])
                    parts.append(Entries(where[inside].astype(np.int32), cells, times[inside]))
            if len(grid.cells):
                owners = grid._groups()
                old = tuple(part[owners] for part in grid._scale())
                new = tuple(part[target[owners]] for part in scale)
                cells = move_cells(grid.cells, np.arange(len(owners)), old, new)  # type: ignore[arg-type]
                parts.append(Entries(target[owners].astype(np.int32), cells, grid.counts))
        self.low, self.high, self.num_low, self.num_high, self.num_zeros = low, high, num_low, num_high, num_zeros
        if parts:
            self.offsets, self.cells, self.counts = reduce_entries(parts, self.num_groups)

    def of_group(self, group: int) -> Cells:
        """One group's cells with their bounds, zero, the smallest and the largest value as cells of their own."""
        self.canonical()
        first, last = int(self.offsets[group]), int(self.offsets[group + 1])
        shift, floor = (int(part[group]) for part in self._scale())
        low, high = bounds_of(self.cells[first:last], shift, floor)
        smallest, largest = float(self.low[group]), float(self.high[group])
        low, high = np.clip(low, smallest, largest), np.clip(high, smallest, largest)
        atoms = [
            (value, int(number[group]))
            for value, number in ((smallest, self.num_low), (0.0, self.num_zeros), (largest, self.num_high))
            if number[group]
        ]
        exact = np.array([value for value, _ in atoms], np.float64)
        low, high = np.concatenate([low, exact]), np.concatenate([high, exact])
        counts = np.concatenate([self.counts[first:last], np.array([number for _, number in atoms], np.int64)])
        order = np.lexsort((high, low / 2 + high / 2))
        return Cells(low[order], high[order], counts[order])


def _times(mask: npt.NDArray[np.bool_], counts: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
    return np.array([np.count_nonzero(mask) if counts is None else counts[mask].sum()], np.int64)


def _from_atoms(
    low: npt.NDArray[Any],
    high: npt.NDArray[Any],
    num_low: npt.NDArray[np.int64],
    num_high: npt.NDArray[np.int64],
    num_zeros: npt.NDArray[np.int64],
) -> OrderedGrid:
    """A grid without cells; zeros are counted as zeros only, and a lone value as the smallest only."""
    cells, counts = np.zeros((2, 0), np.int64)
    return OrderedGrid(
        low,
        high,
        np.where(low == 0, 0, num_low),
        np.where((high == 0) | (high == low), 0, num_high),
        num_zeros,
        np.zeros(len(low) + 1, np.int64),
        cells,
        counts,
    )


@dataclass
class QuantilesState(State):
    """A tally beside an ordered-key grid."""

    tally: Tally
    grid: OrderedGrid

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return self.tally.num_groups


@dataclass(frozen=True)
class Quantiles(Fold[QuantilesState, list[Cells]]):
    """Quantiles and histograms of a column's finite values, between true bounds; extracts one `Cells` a group.

    Parameters
    ----------
    column : str
        The column read.
    kind : Kind
        integer, number, boolean (0 and 1) or timestamp (microseconds).

    Nulls, NaN and infinities are left out; -0.0 is 0.0. Counts are exact: what is approximate is where in its cell a
    value lies, at most 2^-9 of it away.
    Cost: 10 ns a value. State: 16 bytes a cell, at most 1 MB a group.

    >>> import pyarrow as pa
    >>> from headrace.fold import Rows
    >>> fold = Quantiles("x", "number")
    >>> rows = Rows(pa.record_batch({"x": [float(i) for i in range(1001)]}))
    >>> cells = fold.extract(fold.add(fold.create(1), rows, None))[0]
    >>> middle, low, high = cells.quantiles([0.5])
    >>> bool(low[0] <= 500.0 <= high[0]), bool(high[0] - low[0] < 1.0)
    (True, True)
    """

    column: str
    kind: Kind

    @property
    def columns(self) -> tuple[str, ...]:
        """The column read."""
        return (self.column,)

    def create(self, num_groups: int) -> QuantilesState:
        """A state of no rows."""
        return QuantilesState(Tally.empty(num_groups), OrderedGrid.empty(self.kind, num_groups))

    def add(self, state: QuantilesState, rows: Rows, groups: Groups | None) -> QuantilesState:
        """Add rows; changes `state`."""
        values, kept_groups = state.tally.add(read_column(rows, self.column, self.kind, groups)).kept()
        if values is not None:
            state.grid.add_values(values, None, kept_groups)
        return state

    def merge(self, left: QuantilesState, right: QuantilesState, groups: Groups) -> QuantilesState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        left.tally.join(right.tally, groups)
        left.grid.join(right.grid, groups)
        return left

    def extract(self, state: QuantilesState) -> list[Cells]:
        """The answer, group by group."""
        return [state.grid.of_group(group) for group in range(state.num_groups)]

"""The value table: value -> exact count, for each group; every statistic of a column follows from it exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.fold._column import Column, value_type
from headrace.fold._contract import Groups, State
from headrace.fold.kernels.entries import Entries, count_codes, count_numbers, reduce_entries
from headrace.kinds import Kind

__all__ = ["ValueTable"]

# Entries wait here before they are sorted in: enough to pay for a sort, few enough to stay small (2 MB).
_PENDING_ENTRIES = 1 << 17


@dataclass
class ValueTable(State):
    """Distinct values in order, and how often each came: ragged over groups.

    Parameters
    ----------
    offsets : int64[num_groups + 1]
        Group g owns entries offsets[g] to offsets[g + 1].
    values : int64[n], float64[n] or pyarrow large_binary[n]
        Ascending within a group (texts by their bytes); finite, without -0.0, never null.
    counts : int64[n]
        At least 1 each.

    Added entries wait unsorted in `_pending` (not a field, not encoded) until `compact` sorts them in; `canonical`
    does that, so equal contents encode equally. Size: 16 bytes an entry, or 16 and the text.
    """

    offsets: npt.NDArray[np.int64]
    values: Any
    counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        self._pending: list[Entries] = []
        self._num_pending = 0

    @classmethod
    def empty(cls, kind: Kind, num_groups: int) -> Self:
        """A table of no values."""
        dtype = value_type(kind)
        values = pa.array([], pa.large_binary()) if dtype is None else np.zeros(0, dtype)
        return cls(np.zeros(num_groups + 1, np.int64), values, np.zeros(0, np.int64))

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.offsets) - 1

    @property
    def num_waiting(self) -> int:
        """Entries added since the last `compact`."""
        return self._num_pending

    def push(self, entries: Entries) -> None:
        """Add entries; sorts when enough are waiting."""
        if len(entries.counts):
            self._pending.append(entries)
            self._num_pending += len(entries.counts)
            if self._num_pending > max(_PENDING_ENTRIES, 2 * len(self.counts)):
                self.compact()

    def push_column(self, column: Column) -> None:
        """Add a column's valid rows; floats must be finite."""
        if column.values is None:
            return
        if column.dictionary is not None:
            entries = count_codes(column.values, column.valid, column.dictionary, column.groups, self.num_groups)
        else:
            entries = count_numbers(column.values, column.valid, column.groups, self.num_groups)
        self.push(entries)

    def entries(self) -> Entries:
        """Everything in the table as entries."""
        self.compact()
        if self.num_groups <= 1:
            return Entries(None, self.values, self.counts)
        groups = np.repeat(np.arange(self.num_groups, dtype=np.int32), np.diff(self.offsets))
        return Entries(groups, self.values, self.counts)

    def remove(self, groups: npt.NDArray[np.int32]) -> Entries:
        """Take these groups' entries out."""
        every = self.entries()
        owners = np.repeat(np.arange(self.num_groups, dtype=np.int32), np.diff(self.offsets))
        leaves = np.isin(owners, groups)
        out, stays = Entries(owners, every.values, every.counts), np.flatnonzero(~leaves)
        rest = out.take(stays)
        self.values, self.counts = rest.values, rest.counts
        self.offsets = np.zeros_like(self.offsets)
        np.cumsum(np.bincount(owners[stays], minlength=self.num_groups), out=self.offsets[1:])
        return out.take(np.flatnonzero(leaves))

    @property
    def num_text_bytes(self) -> int:
        """Bytes of all distinct texts sorted in so far."""
        return int(self._text_offsets()[-1]) - int(self._text_offsets()[0])

    def text_bytes(self) -> npt.NDArray[np.int64]:
        """int64[num_groups]: bytes of each group's distinct texts sorted in so far."""
        return np.asarray(np.diff(self._text_offsets()[self.offsets]))

    def _text_offsets(self) -> npt.NDArray[np.int64]:
        if len(self.values) == 0:
            return np.zeros(1, np.int64)
        return np.frombuffer(self.values.buffers()[1], np.int64, len(self.values) + 1, 8 * self.values.offset)

    def join(self, other: ValueTable, groups: Groups) -> None:
        """Add another table, whose group i is this one's group groups[i]."""
        theirs = other.canonical()
        if not len(theirs.counts):
            return
        self.push(Entries(np.repeat(groups.astype(np.int32), np.diff(theirs.offsets)), theirs.values, theirs.counts))

    def compact(self) -> None:
        """Sort what waits into the table."""
        if not self._pending:
            return
        pending, self._pending, self._num_pending = self._pending, [], 0
        if len(self.counts):
            pending.append(self.entries())
        self.offsets, self.values, self.counts = reduce_entries(pending, self.num_groups)

    def canonical(self) -> Self:
        """The one form of equal contents."""
        self.compact()
        return self

    def of_group(self, group: int) -> tuple[Any, npt.NDArray[np.int64]]:
        """Values and counts of one group."""
        self.compact()
        first, last = int(self.offsets[group]), int(self.offsets[group + 1])
        return self.values[first:last], self.counts[first:last]

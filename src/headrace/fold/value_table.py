"""The value table: value -> exact count, for each group; every statistic of a column follows from it exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.fold._column import Column, value_type
from headrace.fold._contract import Groups, State
from headrace.fold.kernels.counters import (
    DictionaryCounter,
    KeyCounter,
    WindowCounter,
    is_same_memory,
)
from headrace.fold.kernels.entries import Entries, count_codes, count_numbers, reduce_entries, texts_at
from headrace.fold.kernels.grouped import GroupCounter, order_of
from headrace.fold.kernels.native import library
from headrace.kinds import Kind

__all__ = ["ValueTable"]

# Entries wait here before they are sorted in: enough to pay for a sort, few enough to stay small (2 MB).
_PENDING_ENTRIES = 1 << 17
# Counters take memory and a look through it at the end: too much for small batches.
_FEW_ROWS = 1 << 10


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

    What is added waits, unsorted, in counters and in `_pending` (no fields, not encoded) until `compact` sorts it in;
    `canonical` does that, so equal contents encode equally. Size: 16 bytes an entry, or 16 and the text.
    """

    offsets: npt.NDArray[np.int64]
    values: Any
    counts: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        self._pending: list[Entries] = []
        self._num_pending = 0
        self._was_sorted = False
        self._window: WindowCounter | None = None
        self._dictionary: DictionaryCounter | None = None
        self._keys: KeyCounter | None = None
        self._grouped: GroupCounter | None = None
        self._grouped_dictionary: pa.Array | None = None  # what is counted by group are its codes

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
    def _holds_counters(self) -> bool:
        return self._window is not None or self._keys is not None or self._grouped is not None

    @property
    def num_distinct_at_least(self) -> int:
        """A lower bound of the distinct values of a lone group, known without sorting; 0 for several groups."""
        if self.num_groups != 1:
            return 0
        waiting = len(self._keys) if self._keys is not None else 0
        return max(len(self.counts), waiting)

    def was_sorted(self) -> bool:
        """Whether entries were sorted in since this was last asked: the time to look how large groups have grown."""
        was, self._was_sorted = self._was_sorted, False
        return was

    def push(self, entries: Entries) -> None:
        """Add entries; sorts when enough are waiting."""
        if len(entries.counts):
            self._pending.append(entries)
            self._num_pending += len(entries.counts)
            if self._num_pending > max(_PENDING_ENTRIES, 2 * len(self.counts)):
                self._sort()

    def push_column(self, column: Column) -> None:
        """Add a column's valid rows; floats must be finite."""
        if column.values is None or column.num_rows == 0:
            return
        native = library()
        is_worth_it = column.num_rows >= _FEW_ROWS or self._holds_counters
        if native is not None and is_worth_it and self._count_column(native, column):
            return
        if column.dictionary is not None:
            entries = count_codes(column.values, column.valid, column.dictionary, column.groups, self.num_groups)
        else:
            entries = count_numbers(column.values, column.valid, column.groups, self.num_groups)
        self.push(entries)

    def _count_column(self, native: Any, column: Column) -> bool:
        """Count with compiled kernels; False where none fits."""
        values, bits = column.values, column.bits
        assert values is not None
        if column.groups is not None:
            if values.dtype == np.float64:
                return False
            self._count_grouped(native, column)
        elif column.dictionary is not None:
            if self._dictionary is None or not self._dictionary.is_of(column.dictionary):
                self._flush_counters()
                self._dictionary = DictionaryCounter(column.dictionary)
            self._dictionary.add(native, values, bits)
        elif values.dtype == np.float64:
            kept, _ = column.kept()
            assert kept is not None
            self._count_keys(native, kept)
        else:
            if self._window is None:
                self._window = WindowCounter.around(column)
            outside = self._window.add(native, values, bits)
            if len(outside):
                self._count_keys(native, outside)
        return True

    def _count_grouped(self, native: Any, column: Column) -> None:
        values, groups = column.values, column.groups
        assert values is not None and groups is not None
        if not _is_same(self._grouped_dictionary, column.dictionary):
            self._flush_grouped()
            self._grouped_dictionary = column.dictionary
        if self._grouped is None:
            self._grouped = GroupCounter(native, self.num_groups)
        order, bits, done = order_of(native, groups, self.num_groups), column.bits, 0
        while done < len(values):
            done, aside = self._grouped.add(values, bits, order, done)
            if len(aside):
                self.push(count_numbers(values[aside], None, groups[aside], self.num_groups))
            if done < len(values):
                self._flush_grouped()

    def _flush_grouped(self) -> None:
        """Move what was counted by group to the entries that wait."""
        if self._grouped is None:
            return
        if not len(self._grouped):
            self._grouped = None  # it may have seen as many rows as it counts, none of them 32-bit integers
            return
        entries = self._grouped.take()
        if self._grouped_dictionary is not None:
            texts = texts_at(self._grouped_dictionary, entries.values)
            entries = Entries(entries.groups, texts, entries.counts)
        self.push(entries)

    def _count_keys(self, native: Any, keys: npt.NDArray[Any]) -> None:
        if self._keys is None:
            self._keys = KeyCounter()
        done = 0
        while done < len(keys):
            done += self._keys.add(native, keys[done:])
            if done < len(keys):
                self._flush_keys()

    def _flush_keys(self) -> None:
        """Move counted keys to the entries that wait."""
        if self._keys is None or not len(self._keys):
            return
        keys, counts = self._keys.take()
        dtype = np.int64 if isinstance(self.values, np.ndarray) and self.values.dtype == np.int64 else np.float64
        self.push(Entries(None, keys.view(dtype), counts))

    def _flush_counters(self) -> None:
        self._flush_keys()
        self._flush_grouped()
        for counter in (self._window, self._dictionary):
            if counter is not None:
                self.push(counter.take())

    def held_bytes(self) -> int:
        """About what is held: the table and what waits."""
        size = self.values.nbytes + 8 * len(self.counts) + (0 if self._keys is None else 16 * len(self._keys))
        size += sum(counter.held_bytes for counter in (self._dictionary, self._grouped) if counter is not None)
        return int(size + sum(part.values.nbytes + 8 * len(part.counts) for part in self._pending))

    def clear(self) -> None:
        """No entries, as many groups; nothing may wait."""
        assert not self._pending
        self._dictionary = None
        self.offsets = np.zeros_like(self.offsets)
        is_text = not isinstance(self.values, np.ndarray)  # slices would keep all of it
        self.values = pa.array([], pa.large_binary()) if is_text else np.zeros(0, self.values.dtype)
        self.counts = np.zeros(0, np.int64)

    def entries(self) -> Entries:
        """Everything in the table as entries."""
        self.compact()
        return self._sorted_entries()

    def _sorted_entries(self) -> Entries:
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
        self._flush_counters()
        self._sort()

    def _sort(self) -> None:
        if not self._pending:
            return
        pending, self._pending, self._num_pending = self._pending, [], 0
        self._was_sorted = True
        if len(self.counts):
            pending.append(self._sorted_entries())
        self.offsets, self.values, self.counts = reduce_entries(pending, self.num_groups)

    def canonical(self) -> Self:
        """The one form of equal contents; counters go, which may be larger than what they counted."""
        self.compact()
        self._window = self._dictionary = self._keys = self._grouped = self._grouped_dictionary = None
        return self

    def of_group(self, group: int) -> tuple[Any, npt.NDArray[np.int64]]:
        """Values and counts of one group."""
        self.compact()
        first, last = int(self.offsets[group]), int(self.offsets[group + 1])
        return self.values[first:last], self.counts[first:last]


def _is_same(left: pa.Array | None, right: pa.Array | None) -> bool:
    if left is None or right is None:
        return left is right
    return is_same_memory(left, right)

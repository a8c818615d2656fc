"""Counters that stay between batches: a window of integers, the codes of one dictionary, a hash table of keys.

They stand before a value table and give it entries when it asks. Compiled kernels only; without them the table gets
the entries of each batch from `entries.py`, and comes out the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.fold._column import Column
from headrace.fold.kernels.entries import Entries, texts_at
from headrace.fold.kernels.native import Bits, pointer

__all__ = ["DictionaryCounter", "KeyCounter", "WindowCounter", "is_same_memory"]

_WINDOW = 1 << 16
_SAMPLE = 1 << 10  # rows that say which window suits
_LARGEST_STEP = 1 << 46  # the window is then a quarter of all integers
_FIRST_KEYS = 1 << 12
MAX_KEYS = 1 << 21


def _suffix(values: npt.NDArray[Any]) -> str:
    return f"i{8 * values.dtype.itemsize}"


def _sample(column: Column) -> npt.NDArray[np.int64]:
    """About a thousand of a column's valid integers."""
    assert column.values is not None
    index = np.arange(0, len(column.values), 1 | len(column.values) // _SAMPLE)
    some: npt.NDArray[np.int64] = column.values[index].astype(np.int64)
    if column.mask is not None:
        return some[column.mask[index]]
    if column.bitmap is None:
        return some
    places = column.bitmap[1] + index
    is_valid: npt.NDArray[np.bool_] = (np.frombuffer(column.bitmap[0], np.uint8)[places >> 3] >> (places & 7) & 1) != 0
    return some[is_valid]


class WindowCounter:
    """Counts of the integers around a first one, in steps: 65,536 cells, 512 kB.

    Parameters
    ----------
    near : int
        What the window lies around.
    step : int
        Between those that are counted, below 2^46: timestamps of whole hours lie an hour apart.
    """

    def __init__(self, near: int, step: int = 1) -> None:
        half = _WINDOW // 2
        below = min(half, (near + 2**63) // step)
        below = max(below, _WINDOW - 1 - (2**63 - 1 - near) // step)
        self._base, self._step = near - below * step, step
        self._table = np.zeros(_WINDOW, np.int64)
        self._shift = (step & -step).bit_length() - 1
        self._inverse = pow(step >> self._shift, -1, 2**64)

    @classmethod
    def around(cls, column: Column) -> WindowCounter:
        """One that suits the valid rows of a column of integers, by a sample of them."""
        some = _sample(column)
        if not len(some):
            return cls(0)
        near, width = int(some[len(some) // 2]), int(some.max()) - int(some.min())
        if not _WINDOW <= width < 2**63:
            return cls(near)
        step = int(np.gcd.reduce(some - some[0]))
        return cls(near, step if step < _LARGEST_STEP else 1)

    def add(self, native: Any, values: npt.NDArray[Any], bits: Bits) -> npt.NDArray[np.int64]:
        """Count the valid integers; returns those that lie outside."""
        if self._step > 1:
            values = values.astype(np.int64, copy=False)
        outside = np.empty(len(values), np.int64)
        asked = [
            *(pointer(values), bits[0], bits[1], len(values)),
            *(self._base, _WINDOW, pointer(self._table), pointer(outside)),
        ]
        if self._step > 1:
            return outside[: native.hr_count_steps_i64(*asked, self._inverse, self._shift)]
        return outside[: getattr(native, f"hr_count_window_{_suffix(values)}")(*asked)]

    def take(self) -> Entries:
        """What was counted; the counter starts again."""
        seen = np.flatnonzero(self._table)
        entries = Entries(None, seen * self._step + self._base, self._table[seen])
        self._table[seen] = 0
        return entries


class DictionaryCounter:
    """Counts of the codes of one dictionary."""

    def __init__(self, dictionary: pa.Array) -> None:
        self._dictionary = dictionary
        self._table = np.zeros(len(dictionary), np.int64)

    def is_of(self, dictionary: pa.Array) -> bool:
        """Whether this is the same dictionary: the same memory, not equal texts."""
        return is_same_memory(dictionary, self._dictionary)

    @property
    def held_bytes(self) -> int:
        """The dictionary and its counts."""
        return int(self._dictionary.nbytes) + self._table.nbytes

    def add(self, native: Any, codes: npt.NDArray[Any], bits: Bits) -> None:
        """Count the valid codes."""
        outside = np.empty(len(codes), np.int64)
        number = getattr(native, f"hr_count_window_{_suffix(codes)}")(
            pointer(codes),
            bits[0],
            bits[1],
            len(codes),
            0,
            len(self._table),
            pointer(self._table),
            pointer(outside),
        )
        assert number == 0, "a code beyond its dictionary"

    def take(self) -> Entries:
        """What was counted; the counter starts again."""
        seen = np.flatnonzero(self._table)
        entries = Entries(None, texts_at(self._dictionary, seen), self._table[seen])
        self._table[seen] = 0
        return entries


def is_same_memory(left: pa.Array, right: pa.Array) -> bool:
    """Whether two arrays are one; equal contents elsewhere do not count."""
    return _place(left) == _place(right)


def _place(array: pa.Array) -> tuple[Any, ...]:
    return (array.offset, len(array), *(buffer and buffer.address for buffer in array.buffers()))


class KeyCounter:
    """Counts of 64-bit keys in an open hash table that grows up to 2^21 keys (64 MB)."""

    def __init__(self) -> None:
        self._size = np.zeros(1, np.int64)
        self._slots = np.zeros((2 * _FIRST_KEYS, 2), np.uint64)

    def __len__(self) -> int:
        return int(self._size[0])

    def add(self, native: Any, keys: npt.NDArray[Any]) -> int:
        """Count 64-bit keys (any 8-byte dtype); returns how many were taken, fewer only when the table is full."""
        done = 0
        while done < len(keys):
            rest, slots = keys[done:], self._slots
            capacity = len(slots) // 2
            done += native.hr_count_keys(
                pointer(rest), len(rest), pointer(slots), len(slots), capacity, pointer(self._size)
            )
            if done < len(keys):
                if capacity >= MAX_KEYS:
                    break
                self._slots = np.zeros((2 * len(slots), 2), np.uint64)
                native.hr_move_keys(pointer(slots), len(slots), pointer(self._slots), len(self._slots))
        return done

    def take(self) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
        """Distinct keys and their counts, in no order; the counter starts again, small."""
        used = self._slots[self._slots[:, 1] > 0]
        self.__init__()  # type: ignore[misc]  # as new
        return np.ascontiguousarray(used[:, 0]), used[:, 1].astype(np.int64)

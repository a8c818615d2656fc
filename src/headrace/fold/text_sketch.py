"""The text sketch: lengths, a sample of values with exact counts, and HyperLogLog, for text with too many values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.fold._contract import Groups, State
from headrace.fold.hyperloglog import HyperLogLog
from headrace.fold.kernels.entries import Entries, arrow_of, reduce_entries
from headrace.fold.kernels.hashing import hash_array
from headrace.fold.text_patterns import LENGTH_BUCKETS, add_patterns, length_buckets

__all__ = ["TextLengths", "TextSketch", "ValueSample", "text_lengths"]

_SAMPLE_VALUES = 4096
_SAMPLE_BYTES = 1 << 22
_LONGEST_KEPT = 1 << 16
_CELL_BITS = 12
_CELL_SHIFT = np.uint64(64 - _CELL_BITS)


def text_lengths(values: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Length in characters (code points) of each large_binary text, and whether it is UTF-8.

    In what is not UTF-8, each byte that cannot be read counts as one character.
    """
    try:
        # Not validated by the cast of a view: full=True reads every byte.
        strings = values.view(pa.large_string())
        strings.validate(full=True)
        lengths = pc.utf8_length(strings)
        return np.frombuffer(lengths.buffers()[1] or b"", np.int64, len(lengths)), np.ones(len(values), np.bool_)
    except pa.ArrowInvalid:
        texts = [item.as_py() for item in values]
    decoded = [text.decode("utf-8", "replace") for text in texts]
    valid = [text == item.encode() for text, item in zip(texts, decoded, strict=True)]
    return np.array([len(item) for item in decoded], np.int64), np.array(valid, np.bool_)


@dataclass
class TextLengths(State):
    """Lengths in characters (or bytes) and invalid UTF-8, each int64[num_groups]; without texts `min_length` is 0.

    `buckets`, int64[num_groups, 64], counts texts by length (`length_buckets`).
    """

    num_values: npt.NDArray[np.int64]
    total_length: npt.NDArray[np.int64]
    min_length: npt.NDArray[np.int64]
    max_length: npt.NDArray[np.int64]
    num_invalid_utf8: npt.NDArray[np.int64]
    buckets: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, num_groups: int) -> Self:
        """No texts in any group."""
        total, summed, shortest, longest, invalid = np.zeros((5, num_groups), np.int64)
        return cls(total, summed, shortest, longest, invalid, np.zeros((num_groups, LENGTH_BUCKETS), np.int64))

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.num_values)

    def add_values(
        self, values: pa.Array, counts: npt.NDArray[np.int64], groups: Groups, *, is_binary: bool = False
    ) -> None:
        """Add texts, each counts[i] times, to groups. Cost: about 2 ns a byte; of bytes nothing is read."""
        if not len(values):
            return
        if is_binary:
            lengths, is_valid = np.diff(_binary_offsets(values)), np.ones(len(values), np.bool_)
        else:
            lengths, is_valid = text_lengths(values)
        size = len(self.num_values)
        piece = TextLengths(
            np.zeros(size, np.int64),
            np.zeros(size, np.int64),
            np.full(size, np.iinfo(np.int64).max),
            np.zeros(size, np.int64),
            np.zeros(size, np.int64),
            np.zeros((size, LENGTH_BUCKETS), np.int64),
        )
        places = groups.astype(np.int64) * LENGTH_BUCKETS + length_buckets(lengths)
        np.add.at(piece.buckets.reshape(-1), places, counts)
        np.add.at(piece.num_values, groups, counts)
        np.add.at(piece.total_length, groups, counts * lengths)
        np.minimum.at(piece.min_length, groups, lengths)
        np.maximum.at(piece.max_length, groups, lengths)
        np.add.at(piece.num_invalid_utf8, groups[~is_valid], counts[~is_valid])
        piece.min_length[piece.num_values == 0] = 0
        self.join(piece, np.arange(size, dtype=np.int32))

    def join(self, other: TextLengths, groups: Groups) -> None:
        """Add another, whose group i is this one's group groups[i]."""
        far = np.iinfo(np.int64).max
        mine = np.where(self.num_values > 0, self.min_length, far)
        np.minimum.at(mine, groups, np.where(other.num_values > 0, other.min_length, far))
        self.min_length = np.where(mine == far, 0, mine)
        np.maximum.at(self.max_length, groups, other.max_length)
        np.add.at(self.num_values, groups, other.num_values)
        np.add.at(self.total_length, groups, other.total_length)
        np.add.at(self.num_invalid_utf8, groups, other.num_invalid_utf8)
        np.add.at(self.buckets, groups, other.buckets)


@dataclass
class ValueSample(State):
    """The values whose hashes are smallest, with exact counts; and how many rows fall in each cell of hashes.

    A value among the smallest of all is among the smallest of every part it is in, so its count misses nothing, and
    which values are kept depends on the set of values alone. At most 4,096 values and 4 MiB of text a group; texts
    above 64 KiB are never kept.

    Parameters
    ----------
    offsets : int64[num_groups + 1]
        Group g owns entries offsets[g] to offsets[g + 1].
    hashes : uint64[n]
        Ascending within a group.
    values : pyarrow large_binary[n]
        Ascending among equal hashes.
    counts : int64[n]
        Exact.
    cells : int64[num_groups, 4096]
        Rows by the top 12 bits of their value's hash: no value outside the sample is more frequent than its cell.
    """

    offsets: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    values: pa.Array
    counts: npt.NDArray[np.int64]
    cells: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, num_groups: int) -> Self:
        """No values in any group."""
        return cls(
            np.zeros(num_groups + 1, np.int64),
            np.zeros(0, np.uint64),
            pa.array([], pa.large_binary()),
            np.zeros(0, np.int64),
            np.zeros((num_groups, 1 << _CELL_BITS), np.int64),
        )

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.cells)

    def add_values(
        self, values: pa.Array, hashes: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64], groups: Groups
    ) -> None:
        """Add texts with their hashes, each counts[i] times, to groups."""
        places = (hashes >> _CELL_SHIFT).astype(np.int64) + groups.astype(np.int64) * (1 << _CELL_BITS)
        np.add.at(self.cells.reshape(-1), places, counts)
        self._keep(values, hashes, counts, groups)

    def _keep(
        self, values: pa.Array, hashes: npt.NDArray[np.uint64], counts: npt.NDArray[np.int64], groups: Groups
    ) -> None:
        sizes = np.diff(self.offsets)
        # A full group takes nothing above its largest hash.
        limit = np.full(self.num_groups, np.iinfo(np.uint64).max, np.uint64)
        full = sizes >= _SAMPLE_VALUES
        limit[full] = self.hashes[self.offsets[1:][full] - 1]
        # A long text would leave no room for others; its rows are in the cells all the same.
        near = np.flatnonzero((hashes <= limit[groups]) & (np.diff(_binary_offsets(values)) <= _LONGEST_KEPT))
        if not len(near):
            return
        fresh = Entries(groups[near], values.take(arrow_of(near)), counts[near])
        owners = np.repeat(np.arange(self.num_groups, dtype=np.int32), sizes)
        mine = Entries(owners, self.values, self.counts)
        if len(np.unique(hashes[near])) == len(near) and not np.isin(hashes[near], self.hashes).any():
            # No two can be equal: nothing to add up, and no need to put texts in order.
            owners = np.concatenate([owners, fresh.groups])
            every, numbers = pa.concat_arrays([mine.values, fresh.values]), np.concatenate([mine.counts, fresh.counts])
            every_hash = np.concatenate([self.hashes, hashes[near]])
        else:
            offsets, every, numbers = reduce_entries([fresh, mine], self.num_groups)
            owners = np.repeat(np.arange(self.num_groups, dtype=np.int32), np.diff(offsets))
            every_hash = hash_array(every)
        order = np.lexsort((every_hash, owners))  # stable: equal hashes stay in the order of their texts
        owners = owners[order]
        offsets = np.append(0, np.cumsum(np.bincount(owners, minlength=self.num_groups)))
        lengths = np.diff(_binary_offsets(every))[order]
        used = np.cumsum(lengths)
        used -= np.append(0, used)[offsets[:-1]][owners]
        place = np.arange(len(order)) - offsets[:-1][owners]
        # Text in all is bounded too; `used` only grows within a group, so what is kept is a prefix.
        kept = np.flatnonzero((place < _SAMPLE_VALUES) & (used <= _SAMPLE_BYTES))
        order = order[kept]
        self.hashes, self.counts = every_hash[order], numbers[order]
        self.values = every.take(arrow_of(order))
        self.offsets = np.zeros(self.num_groups + 1, np.int64)
        np.cumsum(np.bincount(owners[kept], minlength=self.num_groups), out=self.offsets[1:])

    def join(self, other: ValueSample, groups: Groups) -> None:
        """Add another, whose group i is this one's group groups[i]."""
        np.add.at(self.cells, groups, other.cells)
        if len(other.counts):
            owners = np.repeat(groups.astype(np.int32), np.diff(other.offsets))
            self._keep(other.values, other.hashes, other.counts, owners)

    def of_group(self, group: int) -> tuple[pa.Array, npt.NDArray[np.int64], int]:
        """Sampled values, their exact counts, and how many rows a value that is not among them may have at most."""
        first, last = int(self.offsets[group]), int(self.offsets[group + 1])
        hashes, counts = self.hashes[first:last], self.counts[first:last]
        rest = self.cells[group].copy()
        np.subtract.at(rest, (hashes >> _CELL_SHIFT).astype(np.int64), counts)
        return self.values[first:last], counts, int(rest.max())


def _binary_offsets(values: pa.Array) -> npt.NDArray[np.int64]:
    buffer = values.buffers()[1]
    if buffer is None or len(values) == 0:
        return np.zeros(1, np.int64)
    return np.frombuffer(buffer, np.int64, count=len(values) + 1, offset=8 * values.offset)


@dataclass
class TextSketch(State):
    """What is kept of text with too many distinct values; `patterns` are a sample of patterns as `sample` is of values.

    Bytes (`is_binary`) have no patterns.
    """

    lengths: TextLengths
    sample: ValueSample
    distinct: HyperLogLog
    patterns: ValueSample

    @classmethod
    def empty(cls, num_groups: int) -> Self:
        """No texts in any group."""
        return cls(
            TextLengths.empty(num_groups),
            ValueSample.empty(num_groups),
            HyperLogLog.empty(num_groups),
            ValueSample.empty(num_groups),
        )

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return self.lengths.num_groups

    def add(self, entries: Entries, *, is_binary: bool = False) -> None:
        """Add entries; groups None means group 0."""
        groups = entries.groups
        if groups is None:
            groups = np.zeros(len(entries.counts), np.int32)
        hashes = hash_array(entries.values)
        self.distinct.add_hashes(hashes, groups)
        self.sample.add_values(entries.values, hashes, entries.counts, groups)
        self.lengths.add_values(entries.values, entries.counts, groups, is_binary=is_binary)
        if not is_binary:
            patterns, counts, owners = add_patterns(entries.values, entries.counts, groups, self.num_groups)
            self.patterns.add_values(patterns, hash_array(patterns), counts, owners)

    def join(self, other: TextSketch, groups: Groups) -> None:
        """Add another, whose group i is this one's group groups[i]."""
        self.lengths.join(other.lengths, groups)
        self.sample.join(other.sample, groups)
        self.distinct.join(other.distinct, groups)
        self.patterns.join(other.patterns, groups)

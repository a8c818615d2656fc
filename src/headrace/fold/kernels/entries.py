"""Entries: (group, value, count) triples, made from a column and reduced to sorted distinct ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["Entries", "arrow_of", "count_codes", "count_numbers", "reduce_entries", "sum_by_group", "texts_at"]

# A dense table of counts is worth its memory up to here: 2^17 cells are 1 MB and stay in the second-level cache.
_SAMPLE = 4096
_DENSE_CELLS = 1 << 17
_SHORT = 1 << 10  # below that a sort is quicker

_ARROW_TYPES = {"int64": pa.int64(), "float64": pa.float64(), "int32": pa.int32(), "uint64": pa.uint64()}


@dataclass(frozen=True, slots=True)
class Entries:
    """(group, value, count) triples in any order; the same value may come twice.

    Parameters
    ----------
    groups : int32[n] or None
        None when all are of group 0.
    values : int64[n], float64[n] or pyarrow large_binary[n]
        Finite, without -0.0, never null.
    counts : int64[n]
        At least 1 each.
    """

    groups: npt.NDArray[np.int32] | None
    values: Any
    counts: npt.NDArray[np.int64]

    def take(self, index: npt.NDArray[np.int64]) -> Entries:
        """The entries at these places."""
        values = self.values[index] if isinstance(self.values, np.ndarray) else self.values.take(arrow_of(index))
        return Entries(None if self.groups is None else self.groups[index], values, self.counts[index])


def texts_at(dictionary: pa.Array, places: npt.NDArray[np.int64]) -> pa.Array:
    """The texts at these places of an array of any text type, as large_binary: bytes, UTF-8 or not."""
    texts = dictionary.take(arrow_of(places))
    if pa.types.is_string(texts.type):
        texts = texts.view(pa.binary())
    return texts.cast(pa.large_binary())


def arrow_of(values: npt.NDArray[Any]) -> pa.Array:
    """A NumPy array as Arrow, without a copy and without `pa.array`, which imports pandas where it is installed."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(_ARROW_TYPES[values.dtype.name], len(values), [None, pa.py_buffer(values)])


def _numpy_of(array: pa.Array, dtype: Any) -> npt.NDArray[Any]:
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.zeros(0, dtype)
    return np.frombuffer(buffer, dtype, count=len(array), offset=array.offset * np.dtype(dtype).itemsize)


def sum_by_group(
    counts: npt.NDArray[np.int64], groups: npt.NDArray[np.integer[Any]] | None, num_groups: int
) -> npt.NDArray[np.int64]:
    """int64[num_groups]: the exact sum of counts in each group; groups None means all are in group 0."""
    sums = np.zeros(num_groups, np.int64)
    if groups is None:
        if num_groups:
            sums[0] = counts.sum()
    elif len(groups):
        np.add.at(sums, groups, counts)
    return sums


def _count_pairs(
    codes: npt.NDArray[Any], num_codes: int, groups: npt.NDArray[np.int32] | None, num_groups: int
) -> tuple[npt.NDArray[np.int32] | None, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct (group, code) pairs and their counts; codes are int64[n] in 0 .. num_codes - 1."""
    if groups is None:
        table = np.bincount(codes, minlength=0)
        seen = np.flatnonzero(table)
        return None, seen, table[seen]
    keys = groups.astype(np.int64) * num_codes + codes
    if num_groups * num_codes <= max(_DENSE_CELLS, 4 * len(codes)):
        table = np.bincount(keys)
        seen = np.flatnonzero(table)
        counts = table[seen]
    else:
        seen, counts = np.unique(keys, return_counts=True)
    found, rest = np.divmod(seen, num_codes)
    return found.astype(np.int32), rest, counts


def count_codes(
    codes: npt.NDArray[Any],
    valid: npt.NDArray[np.bool_] | None,
    dictionary: pa.Array,
    groups: npt.NDArray[np.int32] | None,
    num_groups: int,
) -> Entries:
    """Entries of a dictionary-encoded text column. Cost: about 2 ns a row, plus the distinct texts."""
    if valid is not None:
        kept = np.flatnonzero(valid)
        codes = codes[kept]
        groups = None if groups is None else groups[kept]
    found, seen, counts = _count_pairs(codes.astype(np.int64, copy=False), len(dictionary), groups, num_groups)
    return Entries(found, texts_at(dictionary, seen), counts)


def count_numbers(
    values: npt.NDArray[Any],
    valid: npt.NDArray[np.bool_] | None,
    groups: npt.NDArray[np.int32] | None,
    num_groups: int,
) -> Entries:
    """Entries of a numeric column; floats must be finite where valid. Cost: 2 ns a row where integers lie within 2^17.

    Otherwise one hash look-up a row (6 to 60 ns, by the number of distinct values).
    """
    if values.dtype != np.float64:
        values = values.astype(np.int64, copy=False)
    if valid is not None and (groups is not None or values.dtype != np.int64):
        kept = np.flatnonzero(valid)
        values, valid = values[kept], None
        groups = None if groups is None else groups[kept]
    if len(values) == 0:
        return Entries(None if groups is None else groups, values[:0], np.zeros(0, np.int64))
    if values.dtype == np.int64:
        low, high = int(values.min()), int(values.max())
        if valid is not None and high - low >= _DENSE_CELLS:  # what lies under nulls may be far away
            values, valid = values[valid], None
            return count_numbers(values, None, groups, num_groups)
        if high - low < min(_DENSE_CELLS, 8 * len(values) + 1024):
            codes = values - low if low else values
            if groups is None:
                table = np.bincount(codes)
                if valid is not None:
                    table -= np.bincount(codes[~valid], minlength=len(table))
                seen = np.flatnonzero(table)
                return Entries(None, seen + low, table[seen])
            found, seen, counts = _count_pairs(codes, high - low + 1, groups, num_groups)
            return Entries(found, seen + low, counts)
        if valid is not None:
            values = values[valid]
    elif values.dtype == np.float64:
        values = values + 0.0  # -0.0 becomes 0.0
    if groups is None:
        pairs = pc.value_counts(arrow_of(values))
        return Entries(None, _numpy_of(pairs.field(0), values.dtype), _numpy_of(pairs.field(1), np.int64))
    encoded = pc.dictionary_encode(arrow_of(values))
    dictionary = _numpy_of(encoded.dictionary, values.dtype)
    codes = _numpy_of(encoded.indices, np.int32).astype(np.int64)
    found, seen, counts = _count_pairs(codes, len(dictionary), groups, num_groups)
    return Entries(found, dictionary[seen], counts)


def _sum_runs(
    groups: npt.NDArray[Any] | None, keys: npt.NDArray[Any], counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where runs of equal (group, key) start in sorted arrays, and the sum of counts in each."""
    starts = np.empty(len(keys), np.bool_)
    starts[:1] = True
    np.not_equal(keys[1:], keys[:-1], out=starts[1:])
    if groups is not None:
        starts[1:] |= groups[1:] != groups[:-1]
    first = np.flatnonzero(starts)
    return first, np.add.reduceat(counts, first) if len(first) else counts[:0]


def _offsets(groups: npt.NDArray[Any] | None, num_entries: int, num_groups: int) -> npt.NDArray[np.int64]:
    offsets = np.zeros(num_groups + 1, np.int64)
    if groups is None:
        offsets[1:] = num_entries
    else:
        np.cumsum(np.bincount(groups, minlength=num_groups), out=offsets[1:])
    return offsets


def reduce_entries(parts: list[Entries], num_groups: int) -> tuple[npt.NDArray[np.int64], Any, npt.NDArray[np.int64]]:
    """Distinct entries in order of (group, value): offsets int64[num_groups + 1], values, counts.

    Text is in order of its bytes (for UTF-8: of code points). Cost: one sort of all entries.
    """
    counts = np.concatenate([part.counts for part in parts])
    groups: npt.NDArray[np.int32] | None = None
    if num_groups > 1 and any(part.groups is not None for part in parts):
        groups = np.concatenate(
            [np.zeros(len(part.counts), np.int32) if part.groups is None else part.groups for part in parts]
        )
    if isinstance(parts[0].values, np.ndarray):
        keys = np.concatenate([part.values for part in parts])
        if groups is None and keys.dtype == np.int64 and len(keys) > _SHORT:
            low = int(keys.min())
            width = int(keys.max()) - low + 1
            if width <= _DENSE_CELLS:
                table = np.zeros(width, np.int64)
                np.add.at(table, keys - low, counts)
                seen = np.flatnonzero(table)
                return _offsets(None, len(seen), num_groups), seen + low, table[seen]
        order = _order(keys, groups)
        keys, counts = keys[order], counts[order]
        groups = None if groups is None else groups[order]
        first, sums = _sum_runs(groups, keys, counts)
        groups = None if groups is None else groups[first]
        return _offsets(groups, len(first), num_groups), keys[first], sums
    whole = pa.concat_arrays([part.values for part in parts])
    if groups is None and _are_mostly_distinct(whole):
        order = pc.sort_indices(whole)
        whole = whole.take(order)
        starts = np.ones(len(whole), np.bool_)
        starts[1:] = _bools_of(pc.not_equal(whole.slice(1), whole.slice(0, len(whole) - 1)))
        first = np.flatnonzero(starts)
        sums = np.add.reduceat(counts[_numpy_of(order, np.uint64)], first)
        values = whole if len(first) == len(whole) else whole.take(arrow_of(first))
        return _offsets(None, len(first), num_groups), values, sums
    encoded = whole.dictionary_encode()
    texts = encoded.dictionary
    sorted_texts = _numpy_of(pc.sort_indices(texts), np.uint64).astype(np.int64)
    rank = np.empty(len(texts), np.int64)
    rank[sorted_texts] = np.arange(len(texts))
    ranks = rank[_numpy_of(encoded.indices, np.int32)]
    found, seen, sums = _weigh_pairs(ranks, len(texts), groups, counts)
    return _offsets(found, len(seen), num_groups), texts.take(arrow_of(sorted_texts[seen])), sums


def _are_mostly_distinct(texts: pa.Array) -> bool:
    """Whether a sort of all is quicker than one of the distinct ones, to be found first: told by a sample of 4,096.

    Of d distinct texts a sample of m holds about m^2 / 2d twice. Which way is taken cannot be seen in the result.
    """
    if len(texts) < _SAMPLE:
        return False
    sample = texts.take(arrow_of(np.arange(_SAMPLE, dtype=np.int64) * (len(texts) // _SAMPLE)))
    num_twice = _SAMPLE - len(pc.unique(sample))
    return num_twice * 2 * 0.6 * len(texts) < _SAMPLE * _SAMPLE


def _bools_of(array: pa.Array) -> npt.NDArray[np.bool_]:
    packed = np.frombuffer(array.buffers()[1], np.uint8)
    return np.unpackbits(packed, count=array.offset + len(array), bitorder="little")[array.offset :].view(np.bool_)


def _order(keys: npt.NDArray[Any], groups: npt.NDArray[np.int32] | None) -> npt.NDArray[np.int64]:
    """Where the entries go by (group, value); of equal ones in any order, because their counts add up."""
    if groups is None:
        return np.argsort(keys)
    if keys.dtype == np.int64 and len(keys):
        low = int(keys.min())
        if int(keys.max()) - low < 1 << 32:  # both in one word: a third of the time
            return np.argsort(groups.astype(np.int64) << 32 | keys - low)
    return np.lexsort((keys, groups))


def _weigh_pairs(
    codes: npt.NDArray[np.int64], num_codes: int, groups: npt.NDArray[np.int32] | None, counts: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    keys = codes if groups is None else groups.astype(np.int64) * num_codes + codes
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first, sums = _sum_runs(None, keys, counts[order])
    keys = keys[first]
    if groups is None:
        return None, keys, sums
    found, seen = np.divmod(keys, max(num_codes, 1))
    return found, seen, sums

"""What texts look like: the pattern of each (`AA-9999`), and the buckets that lengths are counted in."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.fold.kernels.entries import arrow_of, sum_by_group
from headrace.fold.kernels.native import library, pointer

__all__ = ["LENGTH_BUCKETS", "add_patterns", "bucket_bounds", "length_buckets", "pattern_array", "short_pattern"]

LENGTH_BUCKETS = 64
_SINGLE = 32  # lengths below have a bucket each; above, a power of two has four

_PATTERN_BYTES = 64


def length_buckets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The bucket of each length, int64[n] below LENGTH_BUCKETS: 0 to 31 for themselves, the last has no upper end.

    >>> length_buckets(np.array([0, 31, 32, 39, 40, 1 << 40])).tolist()
    [0, 31, 32, 32, 33, 63]
    """
    if len(lengths) and int(lengths.max()) < len(_BUCKETS):
        return _BUCKETS[lengths]
    return _find_buckets(lengths)


def _find_buckets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    power = np.frexp(np.maximum(lengths, 1).astype(np.float64))[1].astype(np.int64) - 1  # exact below 2^53
    quarter = (lengths >> np.maximum(power - 2, 0)) & 3
    large = np.minimum(_SINGLE + 4 * (power - 5) + quarter, LENGTH_BUCKETS - 1)
    return np.where(lengths < _SINGLE, lengths, large)


_BUCKETS = _find_buckets(np.arange(1 << 10))


def bucket_bounds(bucket: int, longest: int) -> tuple[int, int]:
    """The shortest and the longest length of a bucket; `longest` ends the last one.

    >>> bucket_bounds(32, 500), bucket_bounds(63, 20_000)
    ((32, 39), (7168, 20000))
    """
    if bucket < _SINGLE:
        return bucket, bucket
    power, quarter = divmod(bucket - _SINGLE, 4)
    step = 1 << (power + 3)
    low = (4 + quarter) * step
    return low, max(low, longest) if bucket == LENGTH_BUCKETS - 1 else low + step - 1


def _classes() -> npt.NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    table[ord("0") : ord("9") + 1] = ord("9")
    table[ord("A") : ord("Z") + 1] = ord("A")
    table[ord("a") : ord("z") + 1] = ord("a")
    table[0xC0:] = ord("a")  # the first byte of a character outside of ASCII; those after it are dropped
    return table


_CLASSES = _classes()


def pattern_array(texts: pa.Array) -> pa.Array:
    """The pattern of each text, as large_binary[n]: digits are 9, small letters a, capitals A, all else is itself.

    Letters outside of ASCII count as small ones. Of a text of more than 64 bytes the first 64 are looked at.
    Cost: about 1 ns a byte, 4 without compiled kernels.

    >>> pattern_array(pa.array([b"N14-x 7", "Zürich".encode()], pa.large_binary())).to_pylist()
    [b'A99-a 9', b'Aaaaaa']
    """
    if not len(texts):
        return texts
    offsets = np.frombuffer(texts.buffers()[1], np.int64, len(texts) + 1, 8 * texts.offset)
    first, last = int(offsets[0]), int(offsets[-1])
    data, native = texts.buffers()[2], library()
    if native is not None and data is not None:
        found = np.empty(min(last - first, _PATTERN_BYTES * len(texts)), np.uint8)
        offsets, ends = np.ascontiguousarray(offsets), np.empty(len(texts) + 1, np.int64)
        native.hr_text_patterns(
            pointer(offsets), data.address, len(texts), _PATTERN_BYTES, pointer(_CLASSES), pointer(found), pointer(ends)
        )
        return pa.Array.from_buffers(pa.large_binary(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(found)])
    if int(np.diff(offsets).max()) > _PATTERN_BYTES:
        texts = pc.binary_slice(texts, 0, _PATTERN_BYTES)
        offsets = np.frombuffer(texts.buffers()[1], np.int64, len(texts) + 1, 8 * texts.offset)
    data = texts.buffers()[2]
    first, last = int(offsets[0]), int(offsets[-1])
    raw = np.frombuffer(data or b"", np.uint8)[first:last]
    offsets = offsets - first
    found = _CLASSES[raw]
    if len(raw) and int(raw.max()) >= 0x80:
        kept = (raw < 0x80) | (raw >= 0xC0)
        before = np.zeros(len(raw) + 1, np.int64)
        np.cumsum(kept, out=before[1:])
        found, offsets = found[kept], before[offsets]
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(found)]
    return pa.Array.from_buffers(pa.large_binary(), len(texts), buffers)


def add_patterns(
    texts: pa.Array, counts: npt.NDArray[np.int64], groups: npt.NDArray[np.int32], num_groups: int
) -> tuple[pa.Array, npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Patterns with their counts by group: (large_binary[k], int64[k], int32[k]), each pair once."""
    encoded = pattern_array(texts).dictionary_encode()
    patterns = encoded.dictionary
    codes = np.frombuffer(encoded.indices.buffers()[1] or b"", np.int32, len(encoded)).astype(np.int64)
    if num_groups == 1:
        sums = sum_by_group(counts, codes, len(patterns))
        return patterns, sums, np.zeros(len(patterns), np.int32)
    keys, places = np.unique(groups.astype(np.int64) * len(patterns) + codes, return_inverse=True)
    sums = np.zeros(len(keys), np.int64)
    np.add.at(sums, places.reshape(-1), counts)
    owners, seen = np.divmod(keys, max(1, len(patterns)))
    return patterns.take(arrow_of(seen)), sums, owners.astype(np.int32)


_RUN = re.compile(r"([aA9])\1*")


def short_pattern(pattern: str) -> str:
    """The pattern with every run of letters or digits as one, however long: "A+ 9+".

    >>> short_pattern("A99-aaa 9")
    'A+9+-a+ 9+'
    """
    return _RUN.sub(r"\1+", pattern)

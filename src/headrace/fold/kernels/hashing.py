"""One 64-bit hash of values, vectorised: row ids, splits, HyperLogLog and samples all start here.

The hash of a value depends on the value alone: not on the width of an integer, the unit of a timestamp that fits
microseconds, plain or dictionary encoding, offsets, or the machine. It is a stored format (row ids decide splits), so
it never changes: another hash would be another function.

Integers, booleans, dates and timestamps hash their 64 bits, floats the bits of the float64 with one NaN and one zero,
text and binary their bytes; each 8-byte word passes Stafford's variant 13 of MurmurHash3's finaliser (the mixer of
SplitMix64).
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput
from headrace.fold.kernels.native import library, pointer

__all__ = ["NULL_HASH", "combine", "combine_words", "hash_array", "hash_text", "mix", "mix_word"]

Hashes = npt.NDArray[np.uint64]

NULL_HASH = np.uint64(0x9AE16A3B2F90404F)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_NAN_BITS = np.uint64(0x7FF8000000000000)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31))
_WORD = (1 << 64) - 1

# Longer values are rare and take blake2b one by one: a loop of words over one very long text would crawl.
_LONG_BYTES = 1024


def mix(values: Hashes) -> Hashes:
    """SplitMix64's finaliser over an array: a bijection of 64 bits in which every input bit moves every output bit.

    >>> hex(int(mix(np.array([1], dtype=np.uint64))[0]))
    '0x5692161d100b05e5'

    Source: Stafford, "Better bit mixing", variant 13; Steele et al. 2014, SplitMix. Cost: about 3 ns a value.
    """
    mixed = values ^ (values >> _SHIFTS[0])
    mixed *= _M1
    mixed ^= mixed >> _SHIFTS[1]
    mixed *= _M2
    mixed ^= mixed >> _SHIFTS[2]
    return mixed


def combine(left: Hashes, right: Hashes) -> Hashes:
    """One hash from two, order counted: `combine(a, b)` and `combine(b, a)` are unrelated.

    >>> one, two = np.array([1], dtype=np.uint64), np.array([2], dtype=np.uint64)
    >>> bool(combine(one, two)[0] == combine(two, one)[0])
    False
    """
    return mix(mix(left + _GOLDEN) ^ right)


def mix_word(word: int) -> int:
    """`mix` of one word, in Python's integers: a single value is not worth an array.

    >>> hex(mix_word(1))
    '0x5692161d100b05e5'

    Cost: about 1 us.
    """
    word ^= word >> 30
    word = word * int(_M1) & _WORD
    word ^= word >> 27
    word = word * int(_M2) & _WORD
    return word ^ word >> 31


def combine_words(left: int, right: int) -> int:
    """`combine` of two words, in Python's integers."""
    return mix_word(mix_word(left + int(_GOLDEN) & _WORD) ^ right)


def hash_text(text: str) -> np.uint64:
    """The hash of one text: equal to `hash_array` of an array that holds it.

    >>> bool(hash_text("AA") == hash_array(pa.array(["AA"]))[0])
    True

    Cost: about 1 us, and 2 us each 8 bytes: thirty times less than an array of one.
    """
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > _LONG_BYTES:
        return np.uint64(_hash_long(data))
    found = mix_word(len(data) + int(_GOLDEN))
    for start in range(0, len(data), 8):
        found = combine_words(found, int.from_bytes(data[start : start + 8], "little"))
    return np.uint64(found)


def _hash_long(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "little")


def hash_array(array: pa.Array) -> Hashes:
    """A 64-bit hash of each value; nulls get the constant `NULL_HASH`.

    Parameters
    ----------
    array : pyarrow.Array[num_rows]
        Integers, floats, booleans, timestamps, dates, text, binary, null, or a dictionary of these.

    Returns
    -------
    uint64[num_rows]
        Equal values give equal hashes, whatever the width, unit or encoding; a dictionary is hashed once per entry.

    Raises InvalidInput for nested and decimal types.
    Cost: about 5 ns a number, 3 ns each 8 bytes of text (10 without compiled kernels).

    >>> narrow, wide = pa.array([1, None], pa.int8()), pa.array([1, None], pa.int64())
    >>> bool((hash_array(narrow) == hash_array(wide)).all())
    True
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _hash_dictionary(array)
    if pa.types.is_null(kind):
        return np.full(len(array), NULL_HASH)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        hashes = _hash_bytes(array.cast(pa.large_string()))
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        hashes = _hash_bytes(array.cast(pa.large_binary()))
    elif pa.types.is_floating(kind):
        hashes = _hash_floats(array)
    else:
        hashes = mix(_words(array) + _GOLDEN)
    if array.null_count:
        hashes[_null_mask(array)] = NULL_HASH
    return hashes


def _null_mask(array: pa.Array) -> npt.NDArray[np.bool_]:
    return _bits(pc.is_null(array), 1)


def _bits(array: pa.Array, buffer: int) -> npt.NDArray[np.bool_]:
    raw = np.frombuffer(array.buffers()[buffer], dtype=np.uint8)
    bits = np.unpackbits(raw, bitorder="little")[array.offset : array.offset + len(array)]
    return bits.view(np.bool_)


def _fixed(array: pa.Array, dtype: Any) -> npt.NDArray[Any]:
    data = array.buffers()[1]
    if data is None or len(array) == 0:
        return np.zeros(len(array), dtype=dtype)
    return np.frombuffer(data, dtype=dtype, count=array.offset + len(array))[array.offset :]


def _words(array: pa.Array) -> Hashes:
    """The values as 64-bit words, sign extended; null places hold anything."""
    kind = array.type
    if len(array) == 0:
        return np.zeros(0, dtype=np.uint64)
    if pa.types.is_boolean(kind):
        return _bits(array, 1).astype(np.uint64)
    if pa.types.is_date32(kind):
        array = array.cast(pa.timestamp("us"))
    elif pa.types.is_date64(kind):
        array = array.cast(pa.timestamp("ms"))
    kind = array.type
    if pa.types.is_timestamp(kind):
        if kind.unit != "us":
            array = pc.cast(array, pa.timestamp("us", tz=kind.tz), safe=False)
        return _fixed(array, np.int64).view(np.uint64)
    if pa.types.is_integer(kind) or pa.types.is_time(kind) or pa.types.is_duration(kind):
        width = kind.bit_width // 8
        code = "u" if pa.types.is_unsigned_integer(kind) else "i"
        return _fixed(array, np.dtype(f"<{code}{width}")).astype(np.int64 if code == "i" else np.uint64).view(np.uint64)
    raise InvalidInput(f"values of type {kind} cannot be hashed", expected="numbers, booleans, text or timestamps")


def _hash_floats(array: pa.Array) -> Hashes:
    width = array.type.bit_width // 8
    values = _fixed(array, np.dtype(f"<f{width}")).astype(np.float64) + 0.0  # -0.0 becomes 0.0
    words = values.view(np.uint64)
    words[np.isnan(values)] = _NAN_BITS
    return mix(words + _GOLDEN)


def _hash_dictionary(array: pa.DictionaryArray) -> Hashes:
    entries = np.append(hash_array(array.dictionary), NULL_HASH)
    indices = array.indices
    width = indices.type.bit_width // 8
    code = "u" if pa.types.is_unsigned_integer(indices.type) else "i"
    codes = _fixed(indices, np.dtype(f"<{code}{width}")).astype(np.int64)
    if indices.null_count:
        codes[_null_mask(indices)] = len(entries) - 1
    return entries[codes]


def _hash_bytes(array: pa.Array) -> Hashes:
    """Word after word over all rows at once; `array` has 64-bit offsets."""
    num_rows = len(array)
    if num_rows == 0:
        return np.zeros(0, dtype=np.uint64)
    _, offset_buffer, data_buffer = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64, count=array.offset + num_rows + 1)[array.offset :]
    lengths = np.diff(offsets)
    if array.null_count:  # a null may still own bytes
        lengths[_null_mask(array)] = 0
    starts = offsets[:-1]
    data = np.frombuffer(data_buffer, dtype=np.uint8) if data_buffer is not None else np.zeros(0, dtype=np.uint8)
    native = library()
    if native is not None:
        found, address = np.empty(num_rows, np.uint64), 0 if data_buffer is None else data_buffer.address
        rebased = np.ascontiguousarray(offsets)
        if native.hr_hash_texts(pointer(rebased), address, num_rows, _LONG_BYTES, pointer(found)):
            _hash_long_rows(found, data, starts, lengths)
        return found
    # Rows near the end of the buffer must not read past it: they are read from a short padded copy of the tail.
    size = int(offsets[-1])
    tail_start = max(0, size - _LONG_BYTES - 8)
    tail = np.concatenate([data[tail_start:size], np.zeros(16, dtype=np.uint8)])
    whole = np.ndarray((max(0, size - 7),), dtype="<u8", buffer=data, strides=(1,)) if size >= 8 else None
    end = np.ndarray((len(tail) - 7,), dtype="<u8", buffer=tail, strides=(1,))

    hashes = mix(lengths.astype(np.uint64) + _GOLDEN)
    active = np.flatnonzero((lengths > 0) & (lengths <= _LONG_BYTES))
    done = 0
    while len(active):
        at = starts[active] + done
        left = lengths[active] - done
        if whole is None or int(at.max()) + 8 > size:
            near = at + 8 > size
            words = np.empty(len(active), dtype=np.uint64)
            words[near] = end[at[near] - tail_start]
            if whole is not None:
                words[~near] = whole[at[~near]]
        else:
            words = whole[at]
        short = np.flatnonzero(left < 8)
        if len(short):
            words[short] &= (np.uint64(1) << (left[short].astype(np.uint64) * np.uint64(8))) - np.uint64(1)
        hashes[active] = mix(mix(hashes[active] + _GOLDEN) ^ words)
        done += 8
        active = active[left > 8]
    _hash_long_rows(hashes, data, starts, lengths)
    return hashes


def _hash_long_rows(
    hashes: Hashes, data: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]
) -> None:
    """Fill in the hashes of long texts."""
    for row in np.flatnonzero(lengths > _LONG_BYTES):
        piece = data[starts[row] : starts[row] + lengths[row]]
        hashes[row] = _hash_long(piece.tobytes())

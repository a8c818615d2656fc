"""TFRecord and tf.train.Example: where records lie, where features lie in them, and the values of one feature.

Each function has a twin in Python, the oracle of its tests, which stands in where there is no compiler: a hundred times
slower. A stretch of a file comes as bytes; what is found is offsets into it, and NumPy arrays.

Source: TensorFlow, `core/lib/io/record_writer.h` and `core/example/example.proto`; the wire format of protocol buffers.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.checksum import crc32c, masked
from headrace.fold.kernels.native import library, pointer

__all__ = ["KINDS", "Column", "Fault", "Frames", "Places", "checksum", "find_frames", "find_places", "take_column"]

KINDS = {1: "bytes_list", 2: "float_list", 3: "int64_list"}
_LENGTH_SUM, _DATA_SUM, _UNKNOWN, _MALFORMED, _OTHER_KIND = range(1, 6)
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Integers = npt.NDArray[np.int64]


class Fault(Exception):
    """A record that is not what it must be.

    Parameters
    ----------
    what : str
        Why.
    record : int
        Which of the stretch.
    name : bytes
        The feature's name where it is one that was not given, else b"".
    kind : int
        The kind that a feature has where another was asked for, else 0.
    """

    def __init__(self, what: str, record: int, *, name: bytes | None = None, kind: int = 0) -> None:
        super().__init__(what)
        self.what, self.record, self.name, self.kind = what, record, name, kind


@dataclass(frozen=True)
class Frames:
    """The whole records at the beginning of a stretch.

    Parameters
    ----------
    starts, lengths : int64[num_records]
        Where the data of each lies.
    end : int
        Where the next one begins.
    fault : str
        Why that one cannot be, "" where it may only be cut off by the end of the stretch.
    needed : int
        How many bytes it takes, where that is known, else 0.
    """

    starts: Integers
    lengths: Integers
    end: int
    fault: str
    needed: int


@dataclass(frozen=True)
class Places:
    """Where features lie: of each name a row, of each record a column, -1 where a record has no such feature."""

    starts: Integers
    sizes: Integers


@dataclass(frozen=True)
class Column:
    """The values of one feature, all records' one after the other.

    Parameters
    ----------
    counts : int32[num_records]
        How many are each record's; -1 where it lacks the feature, or that has no kind.
    values : int64[num_values], float32[num_values] or uint8[num_bytes]
        By kind; of bytes all values in a row.
    ends : int32[num_values] or None
        Where each value ends, for bytes.
    """

    counts: npt.NDArray[np.int32]
    values: npt.NDArray[np.int64] | npt.NDArray[np.float32] | npt.NDArray[np.uint8]
    ends: npt.NDArray[np.int32] | None


_FAULTS = {
    _LENGTH_SUM: "the checksum of its length is wrong",
    _DATA_SUM: "the checksum of its data is wrong",
    _MALFORMED: "it is no tf.train.Example",
}


def checksum(data: bytes, value: int = 0, *, by_table: bool = False) -> int:
    """`headrace.checksum.crc32c`, compiled. Cost: 0.1 ns a byte by instruction, 3 ns by table."""
    native = library()
    if native is None:
        return crc32c(data, value)
    return int(native.hr_crc32c(data, len(data), value, int(by_table)))


def find_frames(data: bytes) -> Frames:
    """The whole records at the beginning of a stretch, their checksums verified."""
    native = library()
    most = len(data) // 16
    starts, lengths = np.empty(most, np.int64), np.empty(most, np.int64)
    if native is None:
        return _find_frames(data, starts, lengths)
    problem = np.zeros(4, np.int64)
    found = native.hr_tf_frames(data, len(data), pointer(starts), pointer(lengths), pointer(problem))
    code, _, end, needed = problem.tolist()
    return Frames(starts[:found], lengths[:found], end, _FAULTS.get(code, ""), needed)


def _find_frames(data: bytes, starts: Integers, lengths: Integers) -> Frames:
    at, found, needed, fault = 0, 0, 0, ""
    while len(data) - at >= 12:
        length, length_sum = struct.unpack_from("<QI", data, at)
        if masked(crc32c(data[at : at + 8])) != length_sum:
            fault = _FAULTS[_LENGTH_SUM]
            break
        if length + 16 > len(data) - at:
            needed = min(length + 16, 2**63 - 1)
            break
        (data_sum,) = struct.unpack_from("<I", data, at + 12 + length)
        if masked(crc32c(data[at + 12 : at + 12 + length])) != data_sum:
            fault = _FAULTS[_DATA_SUM]
            break
        starts[found], lengths[found] = at + 12, length
        found, at = found + 1, at + 16 + length
    return Frames(starts[:found], lengths[:found], at, fault, needed)


def find_places(data: bytes, starts: Integers, lengths: Integers, names: Sequence[bytes]) -> Places:
    """Where each record keeps each feature; of several of one name the last one.

    Raises Fault for a record that is no tf.train.Example, and for a feature of another name than those given.
    """
    native = library()
    shape = (len(names), len(starts))
    places, sizes = np.full(shape, -1, np.int64), np.zeros(shape, np.int64)
    if native is None:
        known = {name: index for index, name in enumerate(names)}
        for record, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
            for name, place, size in _features(data, start, start + length, record):
                if name not in known:
                    raise Fault("a feature of a name not known", record, name=name)
                places[known[name], record], sizes[known[name], record] = place, size
        return Places(places, sizes)
    ends = np.cumsum([len(name) for name in names], dtype=np.int64)
    slots = np.empty(1 << (2 * len(names) + 1).bit_length(), np.int32)
    problem = np.zeros(4, np.int64)
    native.hr_tf_index(
        *(data, pointer(starts), pointer(lengths), len(starts)),
        *(b"".join(names), pointer(ends), len(names), pointer(slots), len(slots)),
        *(pointer(places), pointer(sizes), pointer(problem)),
    )
    code, record, at, size = problem.tolist()
    if code == _UNKNOWN:
        raise Fault("a feature of a name not known", record, name=data[at : at + size])
    if code:
        raise Fault(_FAULTS[code], record)
    return Places(places, sizes)


def take_column(data: bytes, places: Integers, sizes: Integers, kind: int) -> Column:
    """The values of one feature, a row of `Places`, which must be of one kind (1, 2 or 3 of KINDS).

    Raises Fault for a record in which it is malformed, or of another kind.
    """
    native = library()
    if native is None:
        return _take_column(data, places, sizes, kind)
    room = int(sizes.sum())
    counts = np.empty(len(places), np.int32)
    values = np.empty(room * {1: 1, 2: 1, 3: 8}[kind], np.uint8)
    ends = np.empty(room // 2 if kind == 1 else 0, np.int32)
    problem = np.zeros(4, np.int64)
    found = native.hr_tf_column(
        *(data, pointer(places), pointer(sizes), len(places), kind),
        *(pointer(counts), pointer(values), pointer(ends), pointer(problem)),
    )
    code, record, other, _ = problem.tolist()
    if code == _OTHER_KIND:
        raise Fault("a feature of two kinds", record, kind=other)
    if code:
        raise Fault(_FAULTS[code], record)
    if kind == 1:
        ends = ends[:found]
        return Column(counts, values[: int(ends[-1]) if found else 0], ends)
    if kind == 2:
        return Column(counts, values[: found * 4].view(np.float32), None)
    return Column(counts, values[: found * 8].view(np.int64), None)


def _take_column(data: bytes, places: Integers, sizes: Integers, kind: int) -> Column:
    counts: list[int] = []
    values: list[bytes] = []
    for record, (place, size) in enumerate(zip(places.tolist(), sizes.tolist(), strict=True)):
        lists: list[tuple[int, int]] = []
        found = 0
        for number, type_, value, at in _fields(data, place, place + size, record) if place >= 0 else ():
            if type_ != _BYTES or number not in KINDS:
                continue
            if number != found:
                found, lists = number, []
            lists.append((at, at + value))
        if found not in (0, kind):
            raise Fault("a feature of two kinds", record, kind=found)
        taken = [value for start, end in lists for value in _values(data, start, end, kind, record)]
        counts.append(len(taken) if found else -1)
        values += taken
    joined = b"".join(values)
    ends = np.cumsum([len(value) for value in values], dtype=np.int32) if kind == 1 else None
    dtype = {1: np.uint8, 2: np.float32, 3: np.int64}[kind]
    return Column(np.array(counts, np.int32), np.frombuffer(joined, dtype), ends)


def _values(data: bytes, at: int, end: int, kind: int, record: int) -> Iterator[bytes]:
    for number, type_, value, place in _fields(data, at, end, record):
        if number != 1:
            continue
        if kind == 1 and type_ == _BYTES:
            yield data[place : place + value]
        elif kind == 2 and type_ == _FIXED32:
            yield data[place : place + 4]
        elif kind == 2 and type_ == _BYTES:
            if value % 4:
                raise Fault(_FAULTS[_MALFORMED], record)
            yield from (data[start : start + 4] for start in range(place, place + value, 4))
        elif kind == 3 and type_ == _VARINT:
            yield value.to_bytes(8, "little")
        elif kind == 3 and type_ == _BYTES:
            start = place
            while start < place + value:
                found, start = _varint(data, start, place + value, record)
                yield found.to_bytes(8, "little")


def _features(data: bytes, at: int, end: int, record: int) -> Iterator[tuple[bytes, int, int]]:
    """(name, place, size) of the features of an Example, in order."""
    for number, type_, size, place in _fields(data, at, end, record):
        if (number, type_) != (1, _BYTES):
            continue
        for number_, type__, size_, place_ in _fields(data, place, place + size, record):
            if (number_, type__) != (1, _BYTES):
                continue
            name, value = b"", (place_ + size_, 0)
            has_value = False
            for part, kind, length, start in _fields(data, place_, place_ + size_, record):
                if kind == _BYTES and part == 1:
                    name = data[start : start + length]
                elif kind == _BYTES and part == 2:
                    if has_value:  # to be merged, as nobody writes it
                        raise Fault(_FAULTS[_MALFORMED], record)
                    value, has_value = (start, length), True
            yield name, *value


def _fields(data: bytes, at: int, end: int, record: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, value, place): of a varint the value is it, of bytes their number."""
    while at < end:
        tag, at = _varint(data, at, end, record)
        number, type_, value, place = tag >> 3, tag & 7, 0, at
        if tag >> 32 or not number or type_ not in (_VARINT, _FIXED64, _BYTES, _FIXED32):
            raise Fault(_FAULTS[_MALFORMED], record)
        if type_ in (_VARINT, _BYTES):
            value, at = _varint(data, at, end, record)
        if type_ == _BYTES:
            place = at
        at += {_VARINT: 0, _FIXED64: 8, _BYTES: value, _FIXED32: 4}[type_]
        if at > end:
            raise Fault(_FAULTS[_MALFORMED], record)
        yield number, type_, value, place


def _varint(data: bytes, at: int, end: int, record: int) -> tuple[int, int]:
    found = 0
    for place in itertools.islice(range(at, end), 10):
        found |= (data[place] & 0x7F) << 7 * (place - at)
        if data[place] < 0x80:
            return found & 0xFFFFFFFFFFFFFFFF, place + 1
    raise Fault(_FAULTS[_MALFORMED], record)

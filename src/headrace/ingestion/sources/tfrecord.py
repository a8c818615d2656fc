"""TFRecord files of tf.train.Example, a record a row, without TensorFlow."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa

from headrace.checksum import crc32c, masked
from headrace.dataset import Fragment
from headrace.dataset.types import common_type, joined_schema, logical_schema
from headrace.errors import InvalidInput, InvalidSchema
from headrace.ingestion._contract import Batches, Known, Piece, Plan
from headrace.ingestion.declared import check_types, declared_schema
from headrace.ingestion.kernels.tfrecord import KINDS, Column, Fault, Frames, find_frames, find_places, take_column
from headrace.ingestion.planning import look_at_file, plan_files
from headrace.places import open_to_read

__all__ = ["TFRecord", "is_tfrecord"]

_SUFFIXES = tuple(stem + end for stem in (".tfrecord", ".tfrecords") for end in ("", ".gz", ".zlib"))
_BLOCK_BYTES = 1 << 22
_MOST_RECORD_BYTES = 1 << 30  # Arrow counts the bytes of a block in 32 bits
_FOUND = {1: pa.binary(), 2: pa.float32(), 3: pa.int64()}


def is_tfrecord(path: str | Path) -> bool:
    """Whether a path or pattern names TFRecord files.

    >>> is_tfrecord("gs://bucket/{span}.tfrecord.gz"), is_tfrecord("data/{span}.parquet")
    (True, False)
    """
    return str(path).lower().endswith(_SUFFIXES)


@dataclass(frozen=True)
class TFRecord:
    """TFRecord files found by a pattern: `.tfrecord`, `.tfrecords`, plain, GZIP or ZLIB, whatever the name says.

    Parameters
    ----------
    pattern : str
        A path or URL with `{span}` and the wildcards of glob, see `headrace.ingestion.spans.find_spans`.
    spans : str or sequence of str
        Which spans, see `select_spans`.
    base : str or None
        Where a relative pattern starts; None = the working folder.
    types : mapping of str to str, or pairs of these
        Features and their Arrow types, {"id": "int64", "at": "timestamp[us, tz=UTC]", "tags": "list<string>"}: they are
        there in every file, in this order and before all others, whether a record has them or not.

    Types of the other features, which come in order of name, are found by reading every record: `int64_list` is int64,
    `float_list` float32, `bytes_list` text where every value is UTF-8, else binary; a list where a record has more than
    one value. A record without the feature, with one of no kind, or (where it is no list) with no value holds null.
    Where files of one **span** differ, single values beside lists are lists, and text beside binary is binary.

    The masked crc32c of every length and every record is verified. The cursor is the name of the last span planned.

    Raises InvalidInput for a type that is none.

    Examples
    --------
    >>> TFRecord("examples/{span}.tfrecord.gz", types={"id": "int64"}).types
    (('id', 'int64'),)
    """

    pattern: str
    spans: str | Sequence[str] = "all"
    base: str | None = None
    types: Mapping[str, str] | Sequence[tuple[str, str]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "types", check_types(self.types, "TFRecord"))

    def plan(self, cursor: str | None = None) -> Plan:
        """The files of the chosen spans after the cursor. Cost: a look into the folder."""
        return plan_files("tfrecord", self.pattern, spans=self.spans, base=self.base, cursor=cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """The file as it is. Cost: one that is not known is read once."""
        return look_at_file(fragment, known)

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """One file. Without `schema` it is read once for its types, then once more. Memory: a block of 4 MiB.

        Raises InvalidInput, naming the file, the record and the byte at which it begins, for one that is cut short,
        whose checksums are wrong, that is no tf.train.Example, or in which a feature has another kind than before.
        """
        if schema is not None:
            return Batches(schema, _batches(fragment.locator, schema))
        known = declared_schema(self.types)
        found, num_rows = _scan(fragment.locator, known)
        own = logical_schema(found, fragment.locator)
        return Batches(own, _batches(fragment.locator, own), num_rows)

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The types that take the rows of all files; InvalidSchema names the features in which the files differ."""
        return joined_schema(shapes, _joined)


def _joined(types: Sequence[pa.DataType]) -> pa.DataType | None:
    """The type that values of all these can be read in, None where there is none."""
    inner = [item.value_type if pa.types.is_list(item) else item for item in types]
    known = {item for item in inner if not pa.types.is_null(item)}
    found = pa.binary() if known == {pa.string(), pa.binary()} else common_type(inner)
    return pa.list_(found) if found is not None and any(pa.types.is_list(item) for item in types) else found


@dataclass(frozen=True)
class _Stretch:
    """Whole records of a file, and how to name one of them."""

    data: bytes
    frames: Frames
    where: str
    first: int
    offset: int

    def at(self, record: int) -> str:
        """The place of a record, for messages."""
        starts = self.frames.starts
        return _place(self.where, self.first + record, self.offset + int(starts[record]) - 12)


def _place(where: str, record: int, offset: int) -> str:
    return f"{where}, record {record + 1}, at byte {offset}"


def _stretches(locator: str) -> Iterator[_Stretch]:
    """A file's records, stretch after stretch, checksums verified. Memory: a block, or the largest record."""
    held, needed, first, offset = b"", 0, 0, 0
    with _opened(locator) as (file, where):
        while True:
            more = file.read(max(_BLOCK_BYTES, needed - len(held)))
            data = held + more
            frames = find_frames(data)
            if len(frames.starts):
                yield _Stretch(data, frames, where, first, offset)
            first, offset = first + len(frames.starts), offset + frames.end
            held, needed = data[frames.end :], frames.needed
            if frames.fault:
                fix = "deliver the file again" if offset else "is it TFRecord? deliver it again, or name its format"
                raise InvalidInput(frames.fault, where=_place(where, first, offset), fix=fix)
            if needed > _MOST_RECORD_BYTES:
                raise InvalidInput(
                    f"a record of {needed:,} bytes", where=_place(where, first, offset), expected="1 GiB at most"
                )
            if not more:
                break
    if held:
        raise InvalidInput(
            f"the file is cut short: {len(held)} bytes of a record",
            where=_place(where, first, offset),
            expected=f"{needed} bytes" if needed else "",
            fix="deliver it again",
        )


@contextmanager
def _opened(locator: str) -> Iterator[tuple[BinaryIO, str]]:
    """A file as its plain bytes, and its name: packed is what does not begin with a record and has the marks of it."""
    where = locator
    try:
        with open_to_read(locator) as file:
            head = file.read(12)
            file.seek(0)
            is_plain = len(head) == 12 and masked(crc32c(head[:8])) == struct.unpack("<I", head[8:])[0]
            if not is_plain and head[:2] == b"\x1f\x8b":
                where = f"{locator}, unpacked"
                with gzip.open(file) as unpacked:
                    yield cast("BinaryIO", unpacked), where
            elif not is_plain and len(head) > 1 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0:
                where = f"{locator}, unpacked"
                yield cast("BinaryIO", io.BufferedReader(_Unpacked(file), 1 << 16)), where
            else:
                yield file, where
    except FileNotFoundError as error:
        raise InvalidInput("the file is not there", where=locator, fix="bring it back, or ingest again") from error
    except EOFError as error:
        raise InvalidInput("the file is cut short", where=where, fix="deliver it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(f"it cannot be unpacked: {error}", where=locator, fix="deliver it again") from error
    except OSError as error:
        raise InvalidInput(f"the file cannot be read: {error.strerror or error}", where=locator) from error


class _Unpacked(io.RawIOBase):
    """What a zlib stream holds."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._zlib = file, zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._zlib.eof:
            packed = self._zlib.unconsumed_tail or self._file.read(1 << 16)
            data = self._zlib.decompress(packed, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            if not packed:
                raise EOFError
        return 0


@dataclass
class _Found:
    """What is known of a feature while a file is looked through."""

    kind: int = 0
    is_list: bool = False
    is_text: bool = True

    def type(self) -> pa.DataType:
        """The narrowest that takes all of it."""
        if not self.kind:
            return pa.null()
        inner = pa.string() if self.kind == 1 and self.is_text else _FOUND[self.kind]
        return pa.list_(inner) if self.is_list else inner


def _scan(locator: str, known: pa.Schema) -> tuple[pa.Schema, int]:
    """The columns of a file and its number of rows. Cost: one reading of it."""
    features: dict[str, _Found] = {}
    declared = [name.encode() for name in known.names]
    num_rows = 0
    for stretch in _stretches(locator):
        num_rows += len(stretch.frames.starts)
        while True:
            names = [*declared, *(name.encode() for name in features)]
            try:
                places = find_places(stretch.data, stretch.frames.starts, stretch.frames.lengths, names)
                break
            except Fault as fault:
                features[_new_name(fault, stretch)] = _Found()
        for index, (name, found) in enumerate(features.items(), len(declared)):
            column = _take(stretch, places.starts[index], places.sizes[index], name, found)
            found.is_list = found.is_list or bool((column.counts > 1).any())
            if found.kind == 1 and found.is_text:
                found.is_text = _is_text(column)
    fields = [pa.field(name, features[name].type()) for name in sorted(features)]
    return pa.schema([*known, *fields]), num_rows


def _new_name(fault: Fault, stretch: _Stretch) -> str:
    if fault.name is None:
        raise InvalidInput(fault.what, where=stretch.at(fault.record), fix="deliver the file again") from fault
    try:
        return fault.name.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(
            f"a feature's name is no UTF-8: {fault.name[:40]!r}", where=stretch.at(fault.record)
        ) from error


def _take(stretch: _Stretch, places: Any, sizes: Any, name: str, found: _Found) -> Column:
    """The values of a feature, whose kind is found on the way."""
    kind, other = found.kind or 3, None
    while True:
        try:
            column = take_column(stretch.data, places, sizes, kind)
        except Fault as fault:
            if not fault.kind:
                raise InvalidInput(fault.what, where=f"{stretch.at(fault.record)}, feature {name!r}") from fault
            if found.kind or other is not None:
                # Where the kind was a guess, records before the one that it failed at may be of that kind all the same.
                late, before = (fault, kind) if other is None or fault.record > other.record else (other, fault.kind)
                raise InvalidInput(
                    f"feature {name!r} is of {KINDS[late.kind]}",
                    where=stretch.at(late.record),
                    expected=f"{KINDS[before]}, as in records before it",
                    fix="write it in one kind",
                ) from fault
            kind, other = fault.kind, fault
            continue
        if bool((column.counts >= 0).any()):
            found.kind = kind
        return column


def _is_text(column: Column) -> bool:
    try:
        _values(column).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _batches(locator: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """All rows in order, in the types of a schema."""
    names = [name.encode() for name in schema.names]
    features = [_Found() for _ in names]
    for stretch in _stretches(locator):
        try:
            places = find_places(stretch.data, stretch.frames.starts, stretch.frames.lengths, names)
        except Fault as fault:
            name = _new_name(fault, stretch)
            raise InvalidSchema(
                f"feature {name!r} was not there before", where=stretch.at(fault.record), fix="run again"
            ) from fault
        arrays = []
        for index, (item, found) in enumerate(zip(schema, features, strict=True)):
            column = _take(stretch, places.starts[index], places.sizes[index], item.name, found)
            try:
                arrays.append(_array(column, item.type))
            except (ValueError, pa.ArrowException) as error:
                reason = str(error).split("\n", 1)[0][:200]
                raise InvalidInput(
                    f"feature {item.name!r} does not go into {item.type}: {reason}",
                    where=f"{stretch.where}, records {stretch.first + 1} to {stretch.first + len(places.starts[0])}",
                    fix=f"declare another type: types={{{item.name!r}: ...}}",
                ) from error
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _values(column: Column) -> pa.Array:
    """All values of a column, one after the other."""
    if column.ends is None:
        return pa.array(column.values)
    offsets = np.concatenate([np.zeros(1, np.int32), column.ends])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(column.values)]
    return pa.Array.from_buffers(pa.binary(), len(column.ends), buffers)


def _array(column: Column, kind: pa.DataType) -> pa.Array:
    """A column's values as rows of a type; ValueError where a row has several values and the type takes one."""
    counts = column.counts
    if pa.types.is_list(kind):
        offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(np.maximum(counts, 0), dtype=np.int32)])
        values = _cast(_values(column), kind.value_type)
        mask = pa.array(counts < 0) if len(counts) and counts.min() < 0 else None
        return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask, type=kind)
    if len(counts) and counts.max() > 1:
        raise ValueError(f"{counts.max()} values in one record: list<{kind}> takes them")
    is_there = counts == 1
    if bool(is_there.all()):
        return _cast(_values(column), kind)
    mask = pa.py_buffer(np.packbits(is_there, bitorder="little"))
    if column.ends is None:
        rows = np.zeros(len(counts), column.values.dtype)
        rows[is_there] = column.values
        buffers = [mask, pa.py_buffer(rows)]
        found = pa.from_numpy_dtype(rows.dtype)
    else:
        sizes = np.zeros(len(counts) + 1, np.int32)
        sizes[1:][is_there] = np.diff(column.ends, prepend=0)
        buffers = [mask, pa.py_buffer(np.cumsum(sizes, dtype=np.int32)), pa.py_buffer(column.values)]
        found = pa.binary()
    return _cast(pa.Array.from_buffers(found, len(counts), buffers), kind)


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Values in a type; text goes through its letters, and a column in which nothing is has any type."""
    if array.type == kind:
        return array
    if array.null_count == len(array):
        return pa.nulls(len(array), kind)
    if pa.types.is_binary(array.type):
        array = array.cast(pa.string())
    return array.cast(kind)

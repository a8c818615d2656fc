"""Arrow IPC streams from clients: bounded before anything is inflated, and checked before anybody reads a value.

An Arrow stream says of each compressed buffer how large it will be, and of each batch how many rows it has, and both
are a client's word: a body of a few kilobytes may promise terabytes. So the messages are looked through first, their
bodies untouched; only what is within bounds is handed to Arrow's own reader. What that makes is then checked whole,
since Arrow takes the offsets of a text and the codes of a dictionary on trust, and a wrong one reads other memory.

Source: Arrow columnar format, "Encapsulated message format" and "Buffer compression"; FlatBuffers, "Internals".
"""

from __future__ import annotations

import functools
import operator
import struct
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidRequest, InvalidSchema, UnknownName
from headrace.model.answers import to_column
from headrace.serving.limits import check_rows
from headrace.serving.shape import ReadLanes

__all__ = ["MEDIA_TYPE", "read_lanes", "read_stream", "write_prediction", "write_stream"]

MEDIA_TYPE = "application/vnd.apache.arrow.stream"

# What a body may become: this much in any case, and beyond it this many times its own size.
_FREE_BYTES = 64 << 20
_RATIO = 16
_MOST_COLUMNS = 20_000
_MOST_MESSAGES = 10_000
_SHAPE = "an Arrow IPC stream: a schema, then record batches"
# Field numbers of the flatbuffer tables.
_MESSAGE_HEADER_TYPE, _MESSAGE_HEADER = 1, 2
_BATCH_LENGTH, _BATCH_NODES, _BATCH_BUFFERS, _BATCH_COMPRESSION = 0, 1, 2, 3
_DICTIONARY_DATA = 1
_SCHEMA, _DICTIONARY, _BATCH = 1, 2, 3


def read_stream(body: bytes, names: Collection[str]) -> pa.Table:
    """The columns of these names that a stream has, checked.

    Parameters
    ----------
    body : bytes
        A whole stream; its buffers may be compressed by LZ4 or Zstandard.
    names : collection of str
        The columns wanted; others are not even inflated. One that is not there is simply not in the table.

    Returns
    -------
    pyarrow.Table
        Views of `body` where nothing was compressed.

    Raises InvalidRequest for what is no whole stream, or one that would take more than 64 MiB and 16 times its size.
    Cost: 40 us for 512 rows of 13 columns.
    """
    try:
        schema, plain = _look_through(body)
        wanted = [place for place, name in enumerate(schema.names) if name in names]
        if not wanted:  # which would mean all
            return pa.table({})
        if plain is not None:  # nothing to inflate, nothing to look up: the messages as they were looked at
            batches = [pa.ipc.read_record_batch(message, schema) for message in plain]
            table = pa.Table.from_batches(batches, schema)
            if len(wanted) < len(schema):
                table = table.select(wanted)
        else:
            limits = pa.ipc.IpcReadOptions(included_fields=wanted, use_threads=False)
            table = pa.ipc.open_stream(pa.py_buffer(body), options=limits).read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, struct.error, ValueError, IndexError, RecursionError) as error:
        if isinstance(error, InvalidRequest):
            raise
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise InvalidRequest(f"the body is no Arrow stream that can be read: {reason}", expected=_SHAPE) from None
    return table


def read_lanes(body: bytes, model: Any, max_rows: int) -> Any:
    """The lanes of a stream for a model. Raises InvalidRequest, also for a column missing or of another kind."""
    table = read_stream(body, {name for column in model.columns for name in (column.name, column.root)})
    check_rows(table.num_rows, max_rows)
    try:
        lanes = model.codec.from_batch(table)
        # The columns are views of the body: one that is mostly something else is not to wait for the log.
        return ReadLanes.of(lanes, table) if len(body) < 4096 + 4 * table.nbytes else lanes
    except UnknownName as error:  # of a column: status 404 is for endpoints
        raise InvalidRequest(str(error)) from None
    except UnicodeDecodeError:  # Arrow reads the zone of a timestamp only when it is asked for
        raise InvalidRequest("the stream's schema holds a text that is not UTF-8", expected=_SHAPE) from None
    except InvalidSchema as error:
        raise InvalidRequest(error.what, where=error.where, expected=error.expected, fix=error.fix) from None


def write_stream(table: pa.Table) -> bytes:
    """A table as an Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def write_prediction(prediction: npt.NDArray[np.float32]) -> bytes:
    """A stream of the column `prediction`, byte for byte as `write_stream` writes it.

    What lies around the values depends on how many there are alone, and is kept. Cost: 1 us.
    """
    if prediction.ndim > 1 or not len(prediction):
        return write_stream(pa.table({"prediction": to_column(prediction)}))
    before, behind = _around(len(prediction))
    return b"".join((before, prediction.astype(np.float32, copy=False).tobytes(), behind))


@functools.lru_cache(64)
def _around(num_rows: int) -> tuple[bytes, bytes]:
    """What Arrow writes before and behind so many values."""
    marks = np.full(num_rows, 0x1DC35BA7, np.uint32).view(np.float32)
    whole = write_stream(pa.table({"prediction": to_column(marks)}))
    first = whole.rindex(marks.tobytes())
    return whole[:first], whole[first + marks.nbytes :]


def _look_through(body: bytes) -> tuple[pa.Schema, list[Any] | None]:
    """The schema, and the messages of its batches where they are all that is needed to read them.

    Raises InvalidRequest where the messages promise more than a body of this size may become.
    """
    reader = pa.ipc.MessageReader.open_stream(pa.py_buffer(body))
    most = max(_FREE_BYTES, _RATIO * len(body))
    schema, inflated, num_values = None, 0, 0
    plain: list[Any] | None = []
    for number, message in enumerate(_messages(reader)):
        if number == 0:
            if message.type != "schema":
                raise InvalidRequest(f"the body begins with a message of type {message.type!r}", expected=_SHAPE)
            schema = pa.ipc.read_schema(message)
            if len(schema) > _MOST_COLUMNS:
                raise InvalidRequest(f"{len(schema):,} columns", expected=f"at most {_MOST_COLUMNS:,}")
            continue
        if number > _MOST_MESSAGES:
            raise InvalidRequest("the stream has too many batches", expected=f"at most {_MOST_MESSAGES:,}")
        num_rows, size, is_plain = _promised(message.metadata.to_pybytes(), message.body)
        if not is_plain:
            plain = None
        elif plain is not None:
            plain.append(message)
        inflated += size
        num_values += num_rows * max(1, len(schema)) if schema is not None else 0
        # A value takes 8 bytes inside a model, however few it takes here; a column of nulls takes none.
        if inflated > most or num_values * 8 > most:
            raise InvalidRequest(
                f"the stream would take more than {most:,} bytes",
                where=f"message {number} of a body of {len(body):,} bytes",
                expected="fewer rows at a time",
            )
    if schema is None:
        raise InvalidRequest("the body is empty", expected=_SHAPE)
    return schema, plain


def _messages(reader: Any) -> Iterator[Any]:
    while True:
        try:
            yield reader.read_next_message()
        except StopIteration:
            return


def _promised(metadata: bytes, body: Any) -> tuple[int, int, bool]:
    """(rows, bytes when inflated, whether it is a batch and not compressed) of the message of a batch or dictionary."""
    message = _Table(metadata, _uint(metadata, 0))
    kind = message.byte(_MESSAGE_HEADER_TYPE)
    batch = message.table(_MESSAGE_HEADER)
    if kind == _DICTIONARY and batch is not None:
        batch = batch.table(_DICTIONARY_DATA)
    if kind not in (_DICTIONARY, _BATCH) or batch is None:
        raise InvalidRequest(f"a message of another kind ({kind}) after the schema", expected=_SHAPE)
    length = batch.long(_BATCH_LENGTH)
    num_rows = max(length, *batch.pairs(_BATCH_NODES)[0], 0)
    if length < 0:
        raise InvalidRequest("a batch of fewer rows than none", expected=_SHAPE)
    offsets, sizes = batch.pairs(_BATCH_BUFFERS)
    num_bytes = 0 if body is None else body.size
    if offsets and (min(offsets) < 0 or min(sizes) < 0 or max(map(operator.add, offsets, sizes)) > num_bytes):
        raise InvalidRequest("a buffer lies outside its message", expected=_SHAPE)
    if batch.table(_BATCH_COMPRESSION) is None:
        return num_rows, sum(sizes), kind == _BATCH
    data, inflated = memoryview(body) if body is not None else memoryview(b""), 0
    for offset, size in zip(offsets, sizes, strict=True):
        promised = int.from_bytes(data[offset : offset + 8], "little", signed=True) if size else -1
        if promised < -1:
            raise InvalidRequest("a compressed buffer of fewer bytes than none", expected=_SHAPE)
        inflated += size if promised == -1 else promised
    return num_rows, inflated, False


def _uint(data: bytes, place: int) -> int:
    return int(struct.unpack_from("<I", data, place)[0])


class _Table:
    """A flatbuffer table: a look-up from field numbers to places. Every read is within `data`, or raises."""

    def __init__(self, data: bytes, place: int) -> None:
        self._data, self._place = data, place
        fields = place - struct.unpack_from("<i", data, place)[0]
        if fields < 0:
            raise IndexError("a table outside its message")
        self._fields, self._size = fields, struct.unpack_from("<H", data, fields)[0]

    def _field(self, number: int) -> int:
        """Where a field's value lies; 0 where it is left out."""
        entry = 4 + 2 * number
        if entry + 2 > self._size:
            return 0
        offset = int(struct.unpack_from("<H", self._data, self._fields + entry)[0])
        return self._place + offset if offset else 0

    def byte(self, number: int) -> int:
        place = self._field(number)
        return self._data[place] if place else 0

    def long(self, number: int) -> int:
        place = self._field(number)
        return int(struct.unpack_from("<q", self._data, place)[0]) if place else 0

    def table(self, number: int) -> _Table | None:
        place = self._field(number)
        return _Table(self._data, place + _uint(self._data, place)) if place else None

    def pairs(self, number: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """A vector of structs of two int64: the first of each, and the second."""
        place = self._field(number)
        if not place:
            return (), ()
        place += _uint(self._data, place)
        count = _uint(self._data, place)
        if place + 4 + 16 * count > len(self._data):
            raise IndexError("a list outside its message")
        found = struct.unpack_from(f"<{2 * count}q", self._data, place + 4)
        return found[::2], found[1::2]

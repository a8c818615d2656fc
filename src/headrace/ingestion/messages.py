"""What is in a message: a JSON object with an event time, or a reason why not.

Arrow's reader is the only judge, of many messages at once and, where it objects, of halves of them down to one: so
what is taken does not depend on what a message came together with. Types that were given are checked here; those of
other columns are found when a span is closed, from all of its messages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset.types import common_type
from headrace.errors import InvalidInput
from headrace.ingestion.streams._contract import Stream

__all__ = ["MOST_BYTES", "Judged", "joined_schema", "judge", "read_objects", "reason_of"]

MOST_BYTES = 16 << 20  # of one message; a larger one is set aside
_UNIT_US = {"s": 1_000_000, "ms": 1000, "us": 1}


@dataclass(frozen=True)
class Judged:
    """The rows of a delivery that are messages, and the others.

    Parameters
    ----------
    kept : pyarrow.Array
        int64: the rows that are messages, in order.
    event_us : pyarrow.Array
        int64[len(kept)]: when each happened, UTC epoch microseconds.
    reasons : dict of int to str
        Row -> why it is set aside.
    """

    kept: pa.Array
    event_us: pa.Array
    reasons: dict[int, str]


def judge(batch: pa.RecordBatch, stream: Stream, now_us: int) -> Judged:
    """Sort a delivery's rows into messages and what is set aside.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
        Columns as in MESSAGES.
    stream : Stream
        Whose.
    now_us : int
        When they arrived, UTC epoch microseconds.

    Cost: one pass of Arrow's JSON reader over the bytes; for each message it refuses some 15 more over fewer and fewer.
    """
    data: list[bytes | None] = batch.column("data").to_pylist()
    faults = batch.column("fault")
    reasons: dict[int, str] = {}
    rows: list[int] = []
    for row, message in enumerate(data):
        reason = faults[row].as_py() if faults.null_count < len(faults) else None
        reason = reason or _at_first_sight(message)
        if reason is None:
            rows.append(row)
        else:
            reasons[row] = reason
    schema = _judging_schema(stream)
    tables: list[pa.Table] = []
    kept: list[int] = []
    waiting = [rows] if rows else []
    while waiting:
        some = waiting.pop()
        found = _read(data, some, schema)
        if isinstance(found, pa.Table):
            tables.append(found)
            kept += some
        elif len(some) == 1:
            reasons[some[0]] = found
        else:
            waiting += [some[len(some) // 2 :], some[: len(some) // 2]]  # the first half is looked at first
    events = _event_us(pa.concat_tables(tables), stream) if tables else pa.array([], pa.int64())
    limit_us = now_us + round(stream.ahead_s * 1e6)
    for row, event in zip(kept, events.to_pylist(), strict=True) if events.null_count else ():
        if event is None:
            reasons[row] = f"no event time: {stream.time!r} is missing or null"
    ahead = pc.fill_null(pc.greater(events, limit_us), False)
    for index in pc.indices_nonzero(ahead).to_pylist():
        by_s = (events[index].as_py() - now_us) / 1e6
        reasons[kept[index]] = f"event time is {by_s:,.0f} s ahead of its arrival; {stream.ahead_s:,.0f} s are allowed"
    good = pc.and_(pc.is_valid(events), pc.invert(ahead))
    return Judged(pa.array(kept, pa.int64()).filter(good), events.filter(good), dict(sorted(reasons.items())))


def _at_first_sight(message: bytes | None) -> str | None:
    if message is None:
        return "no data"
    if len(message) > MOST_BYTES:
        return f"{len(message):,} bytes; {MOST_BYTES:,} are the most"
    bare = message.strip()
    if not (bare.startswith(b"{") and bare.endswith(b"}")):
        return "not a JSON object"
    return None


def _judging_schema(stream: Stream) -> pa.Schema:
    """The columns whose types were given, and the time."""
    known = stream.known_types
    if stream.time in known.names:
        return known
    return known.append(pa.field(stream.time, pa.int64() if stream.time_unit else pa.timestamp("us", tz="UTC")))


def _read(data: Sequence[bytes | None], rows: Sequence[int], schema: pa.Schema) -> pa.Table | str:
    """The columns of a schema, all others passed over; or why not, in words that are right for one row."""
    joined = b"\n".join([data[row] or b"" for row in rows])
    try:
        joined.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte {error.start} is 0x{joined[error.start]:02x}"
    try:
        table = read_objects(joined, schema, is_whole=False)
    except InvalidInput as error:
        return error.what
    return table if len(table) == len(rows) else f"{len(table)} JSON objects in one message"


def read_objects(data: bytes, schema: pa.Schema, *, is_whole: bool = True) -> pa.Table:
    """JSON objects, one a line, as a table: the columns of a schema, and with `is_whole` all others.

    Raises InvalidInput, with what Arrow says as a person would, when one cannot be read so.
    """
    import pyarrow.json  # only those who read JSON pay for it

    reading = pyarrow.json.ReadOptions(block_size=len(data) + 1, use_threads=False)
    others = "infer" if is_whole else "ignore"
    parsing = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior=others)
    try:
        return pyarrow.json.read_json(pa.BufferReader(data), read_options=reading, parse_options=parsing)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InvalidInput(reason_of(error)) from error


def reason_of(error: Exception) -> str:
    """What Arrow says of one message, as a person would."""
    text = str(error).split("\n", 1)[0].removeprefix("JSON parse error: ")
    text = re.sub(r"^Column\(/(.*?)\) changed from (\w+) to (\w+)", r"column '\1' is no \2 but a \3", text)
    text = re.sub(r"^Column\(/(.*?)\)", r"column '\1'", text)
    text = re.sub(r"^Failed to convert JSON to (.+?), couldn't parse:", r"not of type \1: ", text)
    return re.sub(r" in row \d+$", "", text).rstrip(".")


def _event_us(table: pa.Table, stream: Stream) -> pa.Array:
    column = table.column(stream.time).combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    if stream.time_unit:
        number = column.cast(pa.int64(), safe=False)
        if stream.time_unit == "ns":
            return pc.divide(number, 1000)
        return pc.multiply(number, _UNIT_US[stream.time_unit])
    return column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())


def joined_schema(left: pa.Schema, right: pa.Schema) -> pa.Schema | str:
    """The schema in which rows of both can be read, columns in the order in which they come; or the one that clashes.

    As Arrow finds types in one reading: no value takes the other's type, whole numbers beside others are numbers, and
    moments beside text are text.
    """
    found = {item.name: item.type for item in left}
    for item in right:
        kind = _joined_type(found.get(item.name, pa.null()), item.type)
        if kind is None:
            return str(item.name)
        found[item.name] = kind
    return pa.schema(list(found.items()))


def _joined_type(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    types = pa.types
    if left == right or types.is_null(right):
        return left
    if types.is_null(left):
        return right
    if types.is_struct(left) and types.is_struct(right):
        inner = joined_schema(pa.schema(list(left)), pa.schema(list(right)))
        return None if isinstance(inner, str) else pa.struct(list(inner))
    if types.is_list(left) and types.is_list(right):
        item = _joined_type(left.value_type, right.value_type)
        return None if item is None else pa.list_(item)
    if {types.is_string(left), types.is_string(right)} == {True, False}:
        return pa.string() if types.is_timestamp(left) or types.is_timestamp(right) else None
    return common_type([left, right])

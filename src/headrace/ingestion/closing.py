"""Closing a span: its messages, in their order, as the artifact that the batch path would write of the same rows.

Types are found as in one reading of a JSON lines file of these messages. Where a column is now a number and now a
text, the first message of the span decides, and the others are set aside: a span can always be closed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from headrace import disk
from headrace.canonical import to_canonical
from headrace.dataset.digest import RowsDigest
from headrace.dataset.parquet_file import write_parquet
from headrace.dataset.reading import as_logical
from headrace.dataset.types import logical_schema
from headrace.errors import InvalidInput
from headrace.ingestion.materialize import WrittenSpan
from headrace.ingestion.messages import joined_schema, read_objects
from headrace.ingestion.parts import PART, in_order, read_part, write_parts
from headrace.ingestion.streams._contract import Stream
from headrace.store import Staged, Store, StreamPart, StreamSpan

__all__ = ["close_span"]


@dataclass(frozen=True)
class _Sorted:
    """A span's messages in order, in parts of their own, the schema they are read in, and what was set aside."""

    parts: list[StreamPart]
    aside: list[StreamPart]
    schema: pa.Schema


def close_span(
    store: Store, token: str, stream: Stream, name: str, parts: Sequence[StreamPart], check: Callable[[], None]
) -> StreamSpan | None:
    """Make the next version of a span of all its messages, and commit it.

    Parameters
    ----------
    store, token : Store, str
        Where, and the lease of the follower.
    stream : Stream
        Whose span.
    name : str
        The span.
    parts : sequence of StreamPart
        All its parts, in earlier versions or in none.
    check : callable
        Called between blocks; what it raises ends the work, with nothing committed.

    Returns the version; None where not one message was left. Cost: two readings of the messages. Memory: that of
    `in_order`.
    """
    folder = store.stream_folder(stream.stream_id)
    found = _sort(folder, stream, name, parts, check)
    num_rows = sum(part.num_rows for part in found.parts)
    merged = [*found.parts, *found.aside]
    if not num_rows:
        store.merge_parts(stream.stream_id, token, parts, merged)
        return None
    attempt = store.attempt_folder()
    try:
        written = _write(disk.make_folder(attempt / "span"), folder, found, check)
        staged = Staged("span", written.digest, attempt / "span")
        return store.commit_span(stream.stream_id, token, name, staged, written.num_rows, replaced=parts, merged=merged)
    finally:
        disk.remove_folder(attempt)


def _sort(folder: Path, stream: Stream, name: str, parts: Sequence[StreamPart], check: Callable[[], None]) -> _Sorted:
    known = stream.known_types
    schema = pa.schema([])
    aside: list[pa.RecordBatch] = []

    def kept() -> Iterator[tuple[str | None, pa.RecordBatch]]:
        nonlocal schema
        for block in in_order(folder, parts):
            check()
            schema, block, refused = _read_block(block, schema, known)
            aside.extend(refused)
            if block.num_rows:
                yield name, block
        if aside:
            yield None, pa.Table.from_batches(aside).combine_chunks().to_batches()[0]

    written = write_parts(folder, kept())
    return _Sorted([part for part in written if part.span], [part for part in written if not part.span], schema)


def _lines(block: pa.RecordBatch) -> bytes:
    return b"\n".join(block.column("data").to_pylist())


def _read_block(
    block: pa.RecordBatch, schema: pa.Schema, known: pa.Schema
) -> tuple[pa.Schema, pa.RecordBatch, list[pa.RecordBatch]]:
    """The schema of the span with this block's rows, the block without what clashes, and that."""
    try:
        found = read_objects(_lines(block), known).schema
        joined = joined_schema(schema, found)
        if not isinstance(joined, str):
            return joined, block, []
    except InvalidInput:
        pass
    return _apart(block, schema, known)


def _apart(
    block: pa.RecordBatch, schema: pa.Schema, known: pa.Schema
) -> tuple[pa.Schema, pa.RecordBatch, list[pa.RecordBatch]]:
    """The same, message after message: slow, and only for a block in which something clashes."""
    kinds = {path: kind for item in schema for path, kind in _kinds_of_type(item.name, item.type)}
    data: list[bytes] = block.column("data").to_pylist()
    reasons: dict[int, str] = {}
    rows: list[int] = []
    for row, message in enumerate(data):
        try:
            found = dict(_kinds(orjson.loads(message), ""))
        except orjson.JSONDecodeError:  # Arrow's reader takes NaN, and says what it does not take
            found = {}
        clash = next((path for path, kind in found.items() if kinds.get(path, kind) != kind), None)
        if clash is None:
            kinds = {**found, **kinds}
            rows.append(row)
        else:
            reasons[row] = f"column {clash!r} is {found[clash]}; the first message of its span has {kinds[clash]}"
    good: list[int] = []
    waiting = [rows] if rows else []
    while waiting:
        some = waiting.pop()
        reason = ""
        try:
            joined = joined_schema(schema, read_objects(b"\n".join([data[row] for row in some]), known).schema)
            if not isinstance(joined, str):
                schema = joined
                good += some
                continue
            reason = f"column {joined!r} is of another type than in the messages of its span before it"
        except InvalidInput as error:
            reason = error.what
        if len(some) == 1:
            reasons[some[0]] = reason
        else:
            waiting += [some[len(some) // 2 :], some[: len(some) // 2]]
    refused = block.take(pa.array(list(reasons), pa.int64()))
    place = PART.get_field_index("reason")
    refused = refused.set_column(place, PART.field(place), pa.array(list(reasons.values()), pa.string()))
    return schema, block.take(pa.array(good, pa.int64())), [refused]


def _kinds(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, "text" | "number" | "boolean" | "object" | "list") of all that is in an object; null says nothing."""
    if isinstance(value, dict):
        if path:
            yield path, "object"
        for key, item in value.items():
            yield from _kinds(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, "list"
        for item in value:
            yield from _kinds(item, f"{path}[]")
    elif value is not None:
        yield path, "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _kinds_of_type(path: str, kind: pa.DataType) -> Iterator[tuple[str, str]]:
    """The same of a type."""
    types = pa.types
    if types.is_struct(kind):
        yield path, "object"
        for item in kind:
            yield from _kinds_of_type(f"{path}.{item.name}", item.type)
    elif types.is_list(kind):
        yield path, "list"
        yield from _kinds_of_type(f"{path}[]", kind.value_type)
    elif types.is_boolean(kind):
        yield path, "boolean"
    elif types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        yield path, "number"
    elif not types.is_null(kind):
        yield path, "text"


def _write(folder: Path, messages: Path, found: _Sorted, check: Callable[[], None]) -> WrittenSpan:
    """The artifact, as `write_span` writes one file of these rows."""
    names = logical_schema(found.schema, "messages")
    values = RowsDigest(names, ["span"])

    def batches() -> Iterator[pa.RecordBatch]:
        for part in found.parts:
            check()
            table = read_objects(_lines(read_part(messages, part)), found.schema)
            for batch in table.to_batches():
                columns = [as_logical(item) for item in batch.columns]
                batch = pa.RecordBatch.from_arrays(columns, names=names.names)
                values.add(batch, None)
                yield batch

    num_rows = write_parquet(folder / "0.parquet", batches(), names)
    written = WrittenSpan(folder.absolute(), names, (num_rows,), values.finish())
    disk.write_file(folder / "span.json", to_canonical(written.to_plain()))
    return written

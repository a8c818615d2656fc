"""What a model that is to be served is asked: its golden rows, rows of every slice, and what no client should send."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from headrace.model import InputColumn

__all__ = ["body_of", "is_ordinary", "odd_bodies", "wrong_bodies"]

# Beyond it a number is an edge: whether it overflows inside a model says nothing of the rows that clients have.
_ORDINARY = 1e15

_WRONG: dict[str, tuple[Any, ...]] = {
    "number": ("5", True, [1.0], {"value": 1.0}),
    "integer": ("5", 1.5, False, [1]),
    "boolean": ("true", 1, 0.0, [True]),
    "text": (5, True, ["a"], {"text": "a"}, "\x00null"),
    "timestamp": (5, "yesterday", True, ["2026-01-01T00:00:00Z"]),
    "binary": (5, "iVBORw0KGgo=", {"b64": "???"}, {"b64": "aGk="}, [{"b64": "aGk="}]),
}
_ODD: dict[str, tuple[str, ...]] = {
    "number": ("0", "-0.0", "1e308", "-1e308", "5e-324", str(1 << 70), "NaN", "Infinity", "-Infinity", "null"),
    "integer": ("0", "-1", str((1 << 63) - 1), str(-(1 << 63)), str(1 << 63), str(1 << 70), "null"),
    "boolean": ("true", "false", "null"),
    "text": ('""', '" "', '"never seen"', '"\\ud83d\\udeeb"', json.dumps("x" * 20_000), "null"),
    "timestamp": ('"1970-01-01T00:00:00Z"', '"9999-12-31T23:59:59Z"', '"0001-01-01T00:00:00Z"', "null"),
}


def body_of(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """A request's body; what JSON has no value for is written as Python's json does."""
    return json.dumps({"instances": list(rows)}, default=_as_json).encode()


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"b64": base64.b64encode(value).decode()}
    return str(value.isoformat())


def is_ordinary(row: Mapping[str, Any]) -> bool:
    """Whether its numbers are null or of a size that data have."""
    return all(
        isinstance(value, bool) or not isinstance(value, (int, float)) or value != value or abs(value) <= _ORDINARY
        for value in row.values()
    )


def wrong_bodies(columns: Sequence[InputColumn], row: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(What is wrong, body) of requests that are a client's mistake, each of them: the answer must say so.

    `row` is one that is answered.
    """
    good = body_of([row])
    yield "an empty body", b""
    yield "half a body", good[: len(good) // 2]
    yield "bytes that are no text", b'{"instances": [{"\xff\xfe": 1}]}'
    yield "no JSON", b"instances=1"
    yield "brackets within brackets", b'{"instances": ' + b"[" * 100_000
    yield "a list", b"[]"
    yield "null", b"null"
    yield "no rows", b'{"instances": []}'
    yield "rows that are no list", b'{"instances": 5}'
    yield "no instances", b'{"rows": [{}]}'
    yield "a row that is a list", b'{"instances": [[1, 2, 3]]}'
    yield "a row that is null", b'{"instances": [null]}'
    yield "an unknown key", json.dumps({"instances": [], "no such key": 1}).encode()
    yield "an unknown column", body_of([{**row, "no such column": 1}])
    for column in columns:
        for value in _WRONG.get(column.kind, ()):
            yield f"{column.name!r} of another type", body_of([{**row, column.name: value}])
        if column.kind in ("number", "integer"):
            text = body_of([{**row, column.name: "@number"}])
            yield f"a number in {column.name!r} beyond all floats", text.replace(b'"@number"', b"1e400")
        if not column.is_nullable:
            yield f"{column.name!r} missing", body_of([{name: one for name, one in row.items() if name != column.name}])
            yield f"{column.name!r} null", body_of([{**row, column.name: None}])


def odd_bodies(columns: Sequence[InputColumn], row: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """(What is odd, body) of requests that may be answered or refused, by what the schema allows, and nothing else."""
    for column in columns:
        for text in _ODD.get(column.kind, ()):
            body = body_of([{**row, column.name: "@odd"}])
            yield f"{column.name!r} = {text[:40]}", body.replace(b'"@odd"', text.encode())
    yield "a row of nulls", body_of([dict.fromkeys(row)])

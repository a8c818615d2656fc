"""What step keys are made of: recorded with the attempts that had them, so that two can be compared field by field."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.store._contract import KeyRow
from headrace.store._database import Connection
from headrace.store._records import decode, encode

__all__ = ["read_key", "write_key"]


def write_key(
    connection: Connection, key: str, parts: Mapping[str, Any] | None, notes: Mapping[str, Any] | None
) -> None:
    """Record a key's parts, inside the caller's transaction; its notes become those of the newest that wrote them."""
    if parts is None:
        return
    connection.execute(
        "INSERT INTO step_keys VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET notes = excluded.notes",
        (key, encode(dict(parts)), encode(dict(notes or {}))),
    )


def read_key(connection: Connection, key: str) -> KeyRow | None:
    """A key's parts, or None where none were recorded."""
    row = connection.execute("SELECT parts, notes FROM step_keys WHERE key = ?", (key,)).fetchone()
    return None if row is None else KeyRow(key, decode(row[0]), decode(row[1]))

"""The store's SQL, which is written for SQLite, as PostgreSQL takes it.

Statements are written in what both understand; left is what differs in spelling alone: marks for values, types, keys
that count up, and triggers that refuse. What cannot be said so is refused loudly, where it was written.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["FUNCTIONS", "plain_values", "translate"]

# Texts and quoted names first: what is in them is not touched, but for the percent sign, which psycopg reads.
_MARKS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|::|:[A-Za-z_]\w*|\?|%""")
_TYPES = {
    # Texts are compared byte by byte, as SQLite does, whatever the database's own order is.
    "TEXT": 'TEXT COLLATE "C"',
    "INTEGER": "BIGINT",
    "REAL": "DOUBLE PRECISION",
    "BLOB": "BYTEA",
}
_COUNTER = re.compile(r"\bINTEGER\s+PRIMARY\s+KEY\s+AUTOINCREMENT\b", re.IGNORECASE)
_TRIGGER = re.compile(
    r"CREATE TRIGGER (?P<name>\w+) BEFORE (?P<verb>UPDATE|DELETE|INSERT) ON (?P<table>\w+)\s+"
    r"BEGIN SELECT RAISE\(ABORT, (?P<message>'(?:[^']|'')*')\); END",
    re.IGNORECASE,
)
_TABLE_END = re.compile(r"\)\s*(?P<options>(?:STRICT|WITHOUT\s+ROWID|\s|,)*)$", re.IGNORECASE)
# Only SQLite knows these, and what they mean depends on constraints that the statement does not name.
_REFUSED = re.compile(r"\bINSERT\s+OR\s+(REPLACE|ABORT|FAIL|ROLLBACK)\b|^\s*PRAGMA\b", re.IGNORECASE)
_IGNORE = re.compile(r"\bINSERT\s+OR\s+IGNORE\b", re.IGNORECASE)

# Functions of SQLite's that our statements use, made in our schema beside the tables.
FUNCTIONS = (
    # What SQLite gives for true and false is 1 and 0; CAST(... AS TEXT) makes both sides a text.
    """CREATE OR REPLACE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT LANGUAGE SQL IMMUTABLE AS $$
        SELECT CASE found WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE found END
        FROM (SELECT document::json #>> string_to_array(substr(path, 3), '.') AS found) AS looked $$""",
    """CREATE OR REPLACE FUNCTION refuse() RETURNS TRIGGER LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0]; END $$""",
)


@functools.lru_cache(1024)
def translate(sql: str) -> str:
    """One statement of the store for psycopg; ValueError for one that SQLite alone understands.

    >>> translate("SELECT a FROM t WHERE b = ? AND c = :c AND d = '?%'")
    "SELECT a FROM t WHERE b = %s AND c = %(c)s AND d = '?%%'"
    >>> translate("CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT, b REAL) STRICT")
    'CREATE TABLE t (a BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, b DOUBLE PRECISION)'
    """
    refused = _REFUSED.search(sql)
    if refused is not None:
        raise ValueError(
            f"{refused.group().strip()!r} is SQLite's alone: write ON CONFLICT, or ask the data base itself"
        )
    if re.match(r"\s*CREATE\s+TABLE\b", sql, re.IGNORECASE):
        sql = _table(sql)
    elif re.match(r"\s*ALTER\s+TABLE\b", sql, re.IGNORECASE):
        sql = _typed(sql)
    elif re.match(r"\s*CREATE\s+TRIGGER\b", sql, re.IGNORECASE):
        sql = _trigger(sql)
    if _IGNORE.search(sql):
        sql = _IGNORE.sub("INSERT", sql) + " ON CONFLICT DO NOTHING"
    return _MARKS.sub(_mark, sql)


def plain_values(values: Sequence[Any] | Mapping[str, Any]) -> Any:
    """Values as columns take them: a truth is 1 or 0, and a NUL, which PostgreSQL holds in no text, its picture."""
    if isinstance(values, Mapping):
        return {name: _plain(value) for name, value in values.items()}
    return tuple(_plain(value) for value in values)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return int(value)
    return value.replace("\0", "\u2400") if isinstance(value, str) else value


def _mark(found: re.Match[str]) -> str:
    text = found.group()
    if text == "?":
        return "%s"
    if text[0] == ":" and text != "::":
        return f"%({text[1:]})s"
    return text.replace("%", "%%")


def _typed(sql: str) -> str:
    pattern = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\b(?:TEXT|INTEGER|REAL|BLOB)\b""")
    return pattern.sub(lambda found: _TYPES.get(found.group(), found.group()), sql)


def _table(sql: str) -> str:
    end = _TABLE_END.search(sql)
    if end is None:
        raise ValueError(f"no end of a table in {sql[:60]!r}")
    head = sql[: end.start()]
    has_counter = _COUNTER.search(head) is not None
    head = _COUNTER.sub("BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", head)
    if not has_counter and "ROWID" not in end.group("options").upper():
        head += ", rowid BIGINT GENERATED ALWAYS AS IDENTITY"
    return _typed(head) + ")"


def _trigger(sql: str) -> str:
    found = _TRIGGER.fullmatch(sql.strip())
    if found is None:
        raise ValueError(f"only triggers that refuse can be translated, not {sql[:80]!r}")
    return (
        f"CREATE TRIGGER {found['name']} BEFORE {found['verb']} ON {found['table']}"
        f" FOR EACH ROW EXECUTE FUNCTION refuse({found['message']})"
    )

"""Connections to PostgreSQL for reading and nothing else, how long it may be silent, and its errors as ours."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import adbc_driver_manager
import pyarrow as pa
from adbc_driver_postgresql import dbapi

from headrace.errors import InvalidInput, Misuse

__all__ = ["Session", "check_uri", "column", "literal", "named", "opened", "stalled"]

Value = TypeVar("Value")

_CONNECT_S = 30.0
# What rows look like as text, whatever the server's or the role's settings are: fingerprints are made of that.
_SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "standard_conforming_strings": "on",
}
_FIXES = {
    "25006": ("the query writes", "a query that only reads", "leave the writing to whoever fills the table"),
    "42501": ("permission denied", "", "GRANT SELECT on it, and USAGE on its schema, to this role"),
    "57014": ("the server cancelled the query", "", "raise its statement_timeout for this role"),
    "72000": ("the snapshot is gone", "", "run it again"),
}
_CUT = ("08", "57P")


def check_uri(uri: str) -> None:
    """Raise Misuse for what is no URI of a database, and for one with a password: it would be recorded."""
    parts = urlsplit(uri)
    if parts.scheme not in ("postgresql", "postgres"):
        raise Misuse(
            f"{parts.scheme or 'this text'!r} is no scheme of PostgreSQL",
            where="Postgres",
            expected='a URI such as "postgresql://user@host/database"',
        )
    secrets = [name for name, _ in parse_qsl(parts.query) if "password" in name]
    if parts.password is not None or secrets:
        raise Misuse(
            "the URI holds a password, which would be recorded with every run",
            where=f"Postgres, database {parts.path.lstrip('/')!r} on {parts.hostname}",
            expected="a URI without one",
            fix="leave it out and set PGPASSWORD, or name it in ~/.pgpass or a service file",
        )


def column(name: str) -> str:
    """A name of a column for SQL."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text for SQL."""
    return "'" + text.replace("'", "''") + "'"


def stalled(timeout_s: float, where: str) -> InvalidInput:
    """The error for a server that says nothing."""
    return InvalidInput(
        f"the server said nothing for {timeout_s:g} s",
        where=where,
        expected="an answer within timeout_s",
        fix="look at the server, or raise timeout_s",
    )


@contextmanager
def named(where: str) -> Iterator[None]:
    """Whatever the driver raises, as one error that says where."""
    try:
        yield
    except adbc_driver_manager.Error as error:
        raise _ours(error, where) from error
    except (pa.ArrowException, OSError) as error:  # from a stream that broke off
        raise _ours(error, where) from error


def _ours(error: Exception, where: str) -> InvalidInput:
    text = " ".join(str(error).split())
    state = getattr(error, "sqlstate", None) or (text.rpartition("SQLSTATE: ")[2][:5] if "SQLSTATE: " in text else "")
    for noise in ("INVALID_STATE: ", "IO: ", "[libpq] ", "INVALID_ARGUMENT: ", "UNKNOWN: ", "INTERNAL: "):
        text = text.replace(noise, "")
    reason = text.partition(" SQLSTATE: ")[0].partition(" Query was:")[0].partition(" LINE 1:")[0].strip()[:300]
    _, mark, after = reason.partition("ERROR: ")
    reason = after.strip() if mark else reason
    if "Failed to connect" in text:
        return InvalidInput(f"no connection: {reason}", where=where, expected=_expected(text), fix=_connect_fix(text))
    if state in _FIXES:
        what, expected, fix = _FIXES[state]
        return InvalidInput(f"{what}: {reason}", where=where, expected=expected, fix=fix)
    lost = ("server closed the connection", "no connection to the server", "SSL SYSCALL", "terminating connection")
    if state.startswith(_CUT) or any(item in text for item in lost):
        return InvalidInput(f"the connection was cut: {reason}", where=where, fix="run it again: nothing was taken in")
    return InvalidInput(reason or type(error).__name__, where=where, fix="mend the query or the table")


def _expected(text: str) -> str:
    return "a password" if "no password supplied" in text else "a server that lets this role in"


def _connect_fix(text: str) -> str:
    if "password" in text:
        return "set PGPASSWORD, or name the password in ~/.pgpass"
    return "see that the server runs, and that host, port, role and database are its own"


class Session:
    """One connection in one read-only transaction: everything it reads is of one moment."""

    def __init__(self, connection: Any, timeout_s: float, where: str) -> None:
        self._connection, self._timeout_s, self._where = connection, timeout_s, where
        self.is_waited_for = False

    def _wait(self, work: Callable[[], Value]) -> Value:
        self.is_waited_for = True
        try:
            found = _within(self._timeout_s, self._where, work)
        except InvalidInput as error:
            self.is_waited_for = "said nothing" in error.what
            raise
        self.is_waited_for = False
        return found

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small answer. Raises InvalidInput for an error, and when none comes within `timeout_s`."""

        def work() -> list[tuple[Any, ...]]:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall() if cursor.description else []

        return self._wait(work)

    def schema(self, sql: str) -> pa.Schema:
        """The columns of a query, with the server's own types in their metadata."""

        def work() -> pa.Schema:
            with self._connection.cursor() as cursor:
                cursor.execute(sql)
                with cursor.fetch_record_batch() as reader:
                    return reader.schema

        return self._wait(work)

    def batches(self, sql: str, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        """The rows of a query as they come. Memory: two batches. Whoever calls it waits for as long as it takes."""
        with named(self._where), self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(batch_bytes)})
            cursor.execute(sql)
            with cursor.fetch_record_batch() as reader:
                yield from reader


@contextmanager
def opened(uri: str, timeout_s: float, where: str, *, snapshot: str | None = None) -> Iterator[Session]:
    """A session on the database; with `snapshot` it sees what the session saw that exported it.

    Passwords come from where libpq finds them: PGPASSWORD, ~/.pgpass, a service file.
    Raises InvalidInput when there is no server, it does not let us in, or it says nothing.
    """
    wait_s = min(max(timeout_s, 2.0), _CONNECT_S)  # libpq knows no less than two seconds
    parts = urlsplit(uri)
    options = {"connect_timeout": str(round(wait_s)), "application_name": "headrace", "keepalives_idle": "30"}
    options |= dict(parse_qsl(parts.query))
    asked = urlunsplit(parts._replace(query=urlencode(options)))
    connection = _within(wait_s + 1, where, lambda: dbapi.connect(asked, autocommit=True))
    session = Session(connection, timeout_s, where)
    try:
        told = [f"set_config({literal(name)}, {literal(value)}, false)" for name, value in _SETTINGS.items()]
        session.ask(f"SELECT {', '.join(told)}")
        session.ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot is not None:
            session.ask(f"SET TRANSACTION SNAPSHOT {literal(snapshot)}")
        yield session
    finally:
        if not session.is_waited_for:  # else a thread is left with it, and closing would wait too
            connection.close()


def _within(timeout_s: float, where: str, work: Callable[[], Value]) -> Value:
    """What `work` gives, in a thread that is left behind when it takes longer: libpq itself waits for ever."""
    box: queue.Queue[tuple[Value | None, BaseException | None]] = queue.Queue(1)

    def run() -> None:
        try:
            box.put((work(), None))
        except BaseException as error:
            box.put((None, error))

    threading.Thread(target=run, daemon=True, name="headrace-postgres").start()
    try:
        value, error = box.get(timeout=timeout_s)
    except queue.Empty:
        raise stalled(timeout_s, where) from None
    if error is not None:
        with named(where):
            raise error
    return value  # type: ignore[return-value]

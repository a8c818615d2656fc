"""The records of a store in PostgreSQL, for several machines, homes and processes at once."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from headrace.adapters.postgres.dialect import FUNCTIONS, plain_values, translate
from headrace.adapters.postgres.faults import PASSING, RIGHTS, explain, explain_connecting, is_passing
from headrace.errors import InvalidInput, StoreBusy, StoreError
from headrace.store.records import VERSION, Cursor, migrate, read_version

try:
    import psycopg
    from psycopg.pq import TransactionStatus
except ModuleNotFoundError:
    raise
except ImportError as error:  # psycopg is there, and no libpq: what the extra installs has one
    raise ModuleNotFoundError(str(error), name="psycopg") from error

__all__ = ["Postgres"]

_MOST_IDLE = 4  # connections that are kept for the next transaction; as many as are asked for are open at once
_OLDEST = 120_000  # PostgreSQL 12
_STATEMENT_S = 300.0
_READING_S = 3600.0  # a reader may look at files between two statements, and holds nobody up
# A home that is gone is noticed, and its lock let go, within a minute, even where its machine was switched off.
_ALIVE = {"keepalives_idle": "20", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "60000"}
_all: weakref.WeakSet[Postgres] = weakref.WeakSet()
_inherited: list[Any] = []  # connections of the process that we were forked from


class Postgres:
    """Records in PostgreSQL, read in snapshots and written by one transaction at a time.

    Parameters
    ----------
    uri : str
        "postgresql://user@host:port/database", without a password. `?schema=NAME` puts the tables into another schema
        than "headrace"; what else stands there is libpq's (`sslmode`, `target_session_attrs` ...).
    read_only : bool
        Open so that no transaction can write.
    timeout_s : float
        How long to wait for the lock of another's transaction, or for a server that was there before, in seconds.

    Whoever writes holds a lock of the schema's own to the end of the transaction, so that writers take turns as they do
    in SQLite; readers wait for nobody. A server that was restarted is connected to again at the next transaction. Where
    the connection is lost in a COMMIT, the server is asked afterwards whether it took place.
    """

    is_shared = True

    def __init__(self, uri: str, *, read_only: bool, timeout_s: float) -> None:
        parts = urlsplit(uri)
        options = dict(parse_qsl(parts.query))
        self._schema = options.pop("schema", "headrace")
        if re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", self._schema) is None:
            raise InvalidInput(
                f"schema={self._schema!r}", where="setting records", expected="lower-case letters, digits and '_'"
            )
        self.where = uri
        given = {"connect_timeout": str(max(2, round(min(timeout_s, 30)))), "application_name": "headrace"}
        self._target = urlunsplit(parts._replace(query=urlencode({**given, **_ALIVE, **options})))
        try:
            psycopg.conninfo.conninfo_to_dict(self._target)
        except psycopg.ProgrammingError as error:
            told = " ".join(str(error).split())
            raise InvalidInput(f"setting records: {told}", where=uri, expected="an address that libpq takes") from error
        self._database = parts.path.strip("/")
        self._read_only, self._timeout_s = read_only, timeout_s
        self._key = int.from_bytes(blake2b(f"headrace {self._schema}".encode(), digest_size=8).digest(), signed=True)
        self._lock = threading.Lock()
        self._idle: list[psycopg.Connection[Any]] = []
        self._busy: set[psycopg.Connection[Any]] = set()
        self._was_there = False
        _all.add(self)

    def create(self) -> None:
        """Make schema and tables, or bring older ones to the present format; newer ones are refused unchanged."""
        with self.read() as connection:
            version = self._version(connection)
        if version == VERSION:
            return
        if self._read_only:
            raise StoreError(
                "the store is empty or has an older format, and was opened to read only",
                where=self.where,
                fix="open it once to write: `headrace up` or `headrace run` in a project with these records",
            )
        with self.write() as connection:
            version = self._version(connection)  # another home may have been faster
            if version == 0:
                if not _has_schema(connection, self._schema):
                    connection.execute(f"CREATE SCHEMA {self._schema}")
                for statement in FUNCTIONS:
                    connection.execute(statement)
            migrate(connection, version, is_shared=True)

    @contextmanager
    def read(self) -> Iterator[_Connection]:
        """One consistent view: a snapshot, whatever others commit meanwhile."""
        connection, _ = self._begin(f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {self._local(_READING_S)}")
        try:
            with self._errors():
                yield _Connection(connection)
        finally:
            self._end(connection)

    @contextmanager
    def write(self) -> Iterator[_Connection]:
        """One short transaction, alone at its time: all of it is durable on leaving, or, after an exception, none."""
        if self._read_only:
            raise StoreError("the store was opened to read only", where=self.where)
        # Each statement sees what was committed before it (READ COMMITTED): after the lock, all that others wrote.
        lock = f"SELECT pg_advisory_xact_lock({self._key}), txid_current()"
        connection, row = self._begin(
            f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {self._local(_STATEMENT_S)}; {lock}"
        )
        try:
            with self._errors():
                yield _Connection(connection)
            self._commit(connection, int(row[1]))
        finally:
            self._end(connection)

    def version(self) -> int:
        """The format of the tables."""
        with self.read() as connection:
            return self._version(connection)

    def problems(self) -> list[str]:
        """Rows that refer to nothing, and triggers and constraints that somebody has switched off."""
        found: list[str] = []
        with self.read() as connection:
            off = connection.execute(
                "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
                " WHERE relnamespace = to_regnamespace(?) AND tgenabled <> 'O' ORDER BY 1, 2",
                (self._schema,),
            ).fetchall()
            found += [f"{table}: trigger {name} is switched off" for table, name in off]
            keys = connection.execute(
                "SELECT conrelid::regclass::text, confrelid::regclass::text,"
                " ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS these(number, place)"
                " JOIN pg_attribute ON attrelid = conrelid AND attnum = number ORDER BY place),"
                " ARRAY(SELECT attname::text FROM unnest(confkey) WITH ORDINALITY AS these(number, place)"
                " JOIN pg_attribute ON attrelid = confrelid AND attnum = number ORDER BY place)"
                " FROM pg_constraint WHERE contype = 'f' AND connamespace = to_regnamespace(?) ORDER BY 1, 2",
                (self._schema,),
            ).fetchall()
            for table, other, columns, others in keys:
                is_set = " AND ".join(f"this.{name} IS NOT NULL" for name in columns)
                is_same = " AND ".join(f"that.{b} = this.{a}" for a, b in zip(columns, others, strict=True))
                lost = connection.execute(
                    f"SELECT 1 FROM {table} AS this WHERE {is_set} AND NOT EXISTS"  # noqa: S608  # names from the catalogue, quoted by it
                    f" (SELECT 1 FROM {other} AS that WHERE {is_same}) LIMIT 1"
                )
                if lost.fetchone() is not None:
                    found.append(f"{table}: a row refers to nothing in {other}")
        return found

    def cautions(self) -> list[str]:
        """A server that may lose what it has acknowledged, and a clock that differs from ours by seconds."""
        found = []
        with self.read() as connection:
            before = time.time()
            (server,) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
            apart = server - (before + time.time()) / 2
            settings = ("fsync", "full_page_writes", "synchronous_commit")
            for name in settings:
                (value,) = connection.execute("SELECT current_setting(?)", (name,)).fetchone()
                if value == "off":
                    found.append(f"the server has {name} = off: a power cut may lose what was committed")
        if abs(apart) > 5:
            found.append(
                f"this machine's clock is {abs(apart):.0f} s {'behind' if apart > 0 else 'ahead of'} the server's"
            )
        return found

    def close(self) -> None:
        """Close all idle connections of this process; using the records again opens new ones."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _version(self, connection: _Connection) -> int:
        there = connection.execute("SELECT tablename::text FROM pg_tables WHERE schemaname = ?", (self._schema,))
        tables = [name for (name,) in there.fetchall()]
        may_use = connection.execute("SELECT has_schema_privilege(to_regnamespace(?)::oid, 'USAGE')", (self._schema,))
        if tables and not may_use.fetchone()[0]:
            raise StoreError(f"permission denied for schema {self._schema}", where=self.where, fix=RIGHTS)
        fix = 'name another schema: records = "...?schema=NAME"'
        return read_version(connection, tables, holder=f"schema {self._schema!r} of {self.where}", fix=fix)

    def _local(self, idle_s: float) -> str:
        """Settings of one transaction: nothing is left in a session, which a proxy may give to somebody else."""
        milliseconds = {
            "lock_timeout": self._timeout_s,
            "statement_timeout": max(_STATEMENT_S, self._timeout_s),
            # A process that is stopped in the middle of a transaction would stop all others.
            "idle_in_transaction_session_timeout": max(idle_s, self._timeout_s),
        }
        told = [f"set_config('search_path', '{self._schema}', true)"]
        told += [f"set_config('{name}', '{max(1, round(value * 1000))}', true)" for name, value in milliseconds.items()]
        return f"SELECT {', '.join(told)}"

    def _begin(self, statements: str) -> tuple[psycopg.Connection[Any], Any]:
        """A connection in a transaction that has run these, and the last one's row."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            is_new = connection is None
            if connection is None:
                connection = self._connect()
            with self._lock:
                self._busy.add(connection)
            try:
                cursor = connection.execute(statements)
                while cursor.nextset():
                    pass
                return connection, cursor.fetchone()
            except psycopg.Error as error:
                is_lost = connection.closed or connection.broken
                self._end(connection)
                if is_lost and not is_new:
                    self.close()  # the others are of the server that is gone, too
                    continue
                raise explain(error, self.where, self._timeout_s) from error
            except BaseException:
                self._end(connection)
                raise

    def _commit(self, connection: psycopg.Connection[Any], transaction: int) -> None:
        try:
            connection.execute("COMMIT")
        except psycopg.Error as error:
            if not (connection.closed or connection.broken):
                raise explain(error, self.where, self._timeout_s) from error
            if self._became_of(transaction) != "committed":
                raise explain(error, self.where, self._timeout_s) from error

    def _became_of(self, transaction: int) -> str:
        """Whether a transaction took place whose COMMIT was sent and not answered: the server knows."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            connection, row = self._begin(f"SELECT txid_status({transaction})")
            self._end(connection)
            if row[0] != "in progress":
                return str(row[0])
            if time.monotonic() > deadline:
                raise StoreBusy(
                    "the connection was lost in a COMMIT, and the server is still at it",
                    where=self.where,
                    fix="run the same command again",
                )
            time.sleep(0.1)

    def _end(self, connection: psycopg.Connection[Any]) -> None:
        """Leave what transaction there is, and keep the connection if it is good for another."""
        with contextlib.suppress(psycopg.Error):
            if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                connection.execute("ROLLBACK")
        is_good = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        with self._lock:
            self._busy.discard(connection)
            is_kept = is_good and len(self._idle) < _MOST_IDLE
            if is_kept:
                self._idle.append(connection)
        if not is_kept:
            connection.close()

    def _connect(self) -> psycopg.Connection[Any]:
        """A new connection. A server that was there is waited for: it may be restarting."""
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                connection = psycopg.connect(self._target, autocommit=True, cursor_factory=psycopg.ClientCursor)
                break
            except psycopg.OperationalError as error:
                waits = PASSING if self._was_there else ("too many", "remaining connection slots")
                if time.monotonic() > deadline or not is_passing(error, waits):
                    raise explain_connecting(error, self.where, self._database) from error
                time.sleep(0.2)
        connection.prepare_threshold = None  # a proxy may give each transaction another session
        connection.adapters.register_loader("numeric", _Number)
        if not self._was_there:
            self._check_server(connection)
        self._was_there = True
        return connection

    def _check_server(self, connection: psycopg.Connection[Any]) -> None:
        encoding = connection.info.parameter_status("server_encoding")
        if connection.info.server_version < _OLDEST or encoding != "UTF8":
            found = f"PostgreSQL {connection.info.server_version // 10_000}, encoding {encoding}"
            connection.close()
            raise StoreError(
                f"this server cannot hold a store's records: {found}",
                where=self.where,
                expected="PostgreSQL 12 or newer and a database in UTF8",
            )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise explain(error, self.where, self._timeout_s) from error

    def _forget_inherited(self) -> None:
        """In a child: the sockets are the parent's. Our copies are closed, so that the server sees when it dies."""
        self._lock = threading.Lock()
        for connection in (*self._idle, *self._busy):
            with contextlib.suppress(OSError, psycopg.Error):
                os.close(connection.pgconn.socket)
            _inherited.append(connection)
        self._idle, self._busy = [], set()


class _Connection:
    """What the store sees of a connection: statements in its own words."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), /) -> Cursor:
        """Run one statement. Values are put into it here, as text: the server need not guess their types."""
        return self._connection.execute(translate(sql), plain_values(parameters))

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run one statement for each row of values, sent together."""
        cursor = psycopg.Cursor(self._connection)
        cursor.executemany(translate(sql), [plain_values(values) for values in parameters])
        return cursor


class _Number(psycopg.adapt.Loader):
    """A sum of whole numbers is NUMERIC: here it is an int again."""

    def load(self, data: Any) -> int | float:
        """The number."""
        text = bytes(data).decode()
        return float(text) if "." in text or not text.lstrip("-").isdecimal() else int(text)


def _has_schema(connection: _Connection, name: str) -> bool:
    return connection.execute("SELECT to_regnamespace(?) IS NOT NULL", (name,)).fetchone()[0] is True


def _forget_all() -> None:
    for database in list(_all):
        database._forget_inherited()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)

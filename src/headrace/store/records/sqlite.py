"""The connections to `metadata.db`: one a thread, none across a fork, every failure a StoreError with advice."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.errors import StoreBusy, StoreError
from headrace.store._format import VERSION, migrate, read_version

__all__ = ["SQLite"]

# Connections inherited through a fork are the parent's: using or closing them here could break its locks, so they are
# kept from the garbage collector. https://www.sqlite.org/howtocorrupt.html section 2.6
_inherited: list[sqlite3.Connection] = []


@dataclass(frozen=True)
class _Opened:
    thread: threading.Thread
    connection: sqlite3.Connection
    file: tuple[int, int]
    is_immutable: bool


class SQLite:
    """SQLite in WAL mode, synchronous=FULL: what `write` has committed is on the disk.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    read_only : bool
        Open so that no transaction can write.
    timeout_s : float
        How long to wait for another process's lock, in seconds, before StoreBusy.
    """

    is_shared = False

    def __init__(self, path: Path, *, read_only: bool, timeout_s: float) -> None:
        self.where = str(path)
        self._path, self._read_only, self._timeout_s = path, read_only, timeout_s
        self._pid = os.getpid()
        self._file: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._opened: dict[int, _Opened] = {}

    def create(self) -> None:
        """Make the file, or bring an older one to the present format; a newer one is refused unchanged."""
        with self._errors():
            version = _version(self._mine().connection)
            if self._read_only or version == VERSION:
                if version < VERSION:
                    raise StoreError(
                        "the store is empty or has an older format, and was opened to read only",
                        where=str(self._path),
                        fix="open it once to write: `headrace status` in the project",
                    )
                return
            with self.write() as writing:
                migrate(writing, _version(writing))

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """One consistent view: all SELECTs inside see the same state."""
        with self._errors():
            opened = self._mine()
            opened.connection.execute("BEGIN")
            try:
                yield opened.connection
            finally:
                opened.connection.execute("ROLLBACK")
                if opened.is_immutable:
                    self._close_mine()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One short transaction: all of it is durable on leaving, or, after an exception, none of it."""
        if self._read_only:
            raise StoreError("the store was opened to read only", where=str(self._path))
        with self._errors():
            connection = self._mine().connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # a full disk has rolled back already
                    connection.execute("ROLLBACK")
                raise

    def version(self) -> int:
        """The format of the tables."""
        with self.read() as connection:
            return _version(connection)

    def problems(self) -> list[str]:
        """What SQLite finds wrong with the file, and rows that refer to nothing. Cost: one read of it."""
        with self.read() as connection:
            try:
                found = [text for (text,) in connection.execute("PRAGMA quick_check(5)") if text != "ok"]
                found += [
                    f"{table}: a row refers to nothing" for table, *_ in connection.execute("PRAGMA foreign_key_check")
                ]
            except sqlite3.DatabaseError as error:
                return [str(error)]
        return found

    def cautions(self) -> list[str]:
        """None: a file has no settings of its own."""
        return []

    def close(self) -> None:
        """Close all connections of this process; using the data base again opens new ones."""
        with self._lock:
            self._forget_inherited()
            for opened in self._opened.values():
                opened.connection.close()
            self._opened.clear()

    def _mine(self) -> _Opened:
        """This thread's connection to the file that is there now."""
        thread = threading.current_thread()
        with self._lock:
            self._forget_inherited()
            found = self._opened.get(id(thread))
            if found is not None and found.thread is thread and found.file == self._check_file():
                return found
            for key, other in list(self._opened.items()):
                if other.thread is thread or not other.thread.is_alive():
                    other.connection.close()
                    del self._opened[key]
            connection, is_immutable = self._open()
            opened = _Opened(thread, connection, self._check_file(), is_immutable)
            self._opened[id(thread)] = opened
            return opened

    def _close_mine(self) -> None:
        with self._lock:
            self._opened.pop(id(threading.current_thread())).connection.close()

    def _check_file(self) -> tuple[int, int]:
        """Which file the path names: a connection goes on with a file that was removed, and its writes with it."""
        try:
            found = self._path.stat()
        except OSError as error:
            raise StoreError(f"the store is gone: {error.strerror}", where=str(self._path)) from error
        file = (found.st_dev, found.st_ino)
        if self._file != file:
            if self._file is not None and not self._read_only:
                raise StoreError(
                    "the store was replaced by another while it was in use",
                    where=str(self._path),
                    fix="run the same command again",
                )
            self._file = file
        return file

    def _forget_inherited(self) -> None:
        if self._pid != os.getpid():
            _inherited.extend(opened.connection for opened in self._opened.values())
            self._opened.clear()
            self._pid = os.getpid()

    def _open(self) -> tuple[sqlite3.Connection, bool]:
        if not self._read_only:
            connection = self._connect("rwc")
            self._use_wal(connection)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            return connection, False
        connection, is_immutable = self._connect("ro"), False
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        except sqlite3.OperationalError:
            connection.close()
            # A WAL data base needs its -shm file, which cannot be made in a folder we may not write to. Without a
            # -wal file nothing is pending, and the main file alone is the whole truth. SQLite then looks for no
            # changes, so `read` opens anew each time.
            if os.access(self._path.parent, os.W_OK) or self._path.with_name(self._path.name + "-wal").exists():
                raise
            connection, is_immutable = self._connect("ro&immutable=1"), True
        connection.execute("PRAGMA query_only = ON")
        return connection, is_immutable

    def _connect(self, mode: str) -> sqlite3.Connection:
        # as_uri percent-encodes; check_same_thread is off because dead threads' connections are closed by others.
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"
        return sqlite3.connect(uri, uri=True, timeout=self._timeout_s, isolation_level=None, check_same_thread=False)

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
            return
        _version(connection)  # a newer store is refused before anything is changed
        # Changing the mode may answer "locked" without calling the busy handler, which SQLite never promises to call:
        # https://www.sqlite.org/c3ref/busy_handler.html
        deadline = time.monotonic() + self._timeout_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._explain(error) from error

    def _explain(self, error: sqlite3.Error) -> StoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        where = str(self._path)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StoreBusy(
                f"another process has held the store's lock for over {self._timeout_s:g} s",
                where=where,
                fix="see which with `headrace status`, then run the same command again",
            )
        advice = {
            sqlite3.SQLITE_FULL: "the disk is full: free some space, then run the same command again",
            sqlite3.SQLITE_READONLY: "it cannot be written: set HEADRACE_HOME to a folder that can be written",
            sqlite3.SQLITE_CANTOPEN: "it cannot be opened: set HEADRACE_HOME to a folder that can be written",
            sqlite3.SQLITE_PERM: "no permission: set HEADRACE_HOME to a folder that can be written",
            sqlite3.SQLITE_NOTADB: "it is not a SQLite file: move it away, or set HEADRACE_HOME to another folder",
            sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a backup; artifacts/ holds the bytes",
            sqlite3.SQLITE_IOERR: "the disk reports an error: look into the system's log",
        }
        return StoreError(f"the store's records: {error}", where=where, fix=advice.get(code, ""))


def _tables(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]


def _version(connection: sqlite3.Connection) -> int:
    return read_version(connection, _tables(connection))

"""What the store asks of whatever holds its records.

Its SQL is written once, in what SQLite and PostgreSQL both understand, with SQLite's question marks and `:names` for
values. So whoever adds a table or a statement writes `ON CONFLICT`, never `INSERT OR REPLACE`; names the columns it
selects, never `*`; gives a subquery a name. A member translates the rest: types, `AUTOINCREMENT`, `STRICT`, triggers
that refuse. In every table without a key that counts up, `rowid` says the order in which rows were inserted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

__all__ = ["Connection", "Cursor", "Database"]


class Cursor(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """How many rows an UPDATE or DELETE changed."""

    def fetchone(self) -> Any:
        """The next row as a tuple, or None."""

    def fetchall(self) -> list[Any]:
        """The rows that are left."""

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """What is open inside `read` and `write`: it belongs to the `with` statement, and is not kept."""

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ..., /) -> Cursor:
        """Run one statement: values are int, float, str or None."""

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        """Run one statement for each row of values."""


class Database(Protocol):
    """The transactions of one store, usable from any thread, and in a process that was forked.

    A member is made with what says where it is, and `read_only` and `timeout_s` by name.
    """

    is_shared: bool
    """Whether stores in several homes may have these records: then they agree on where artifacts lie."""

    where: str
    """How errors name it; no secret is in it."""

    def create(self) -> None:
        """Make the tables, or bring older ones to the present format; newer ones are refused unchanged."""

    def read(self) -> AbstractContextManager[Connection]:
        """One consistent view: all SELECTs inside see the same state."""

    def write(self) -> AbstractContextManager[Connection]:
        """One short transaction, and the only one at its time: all of it is durable on leaving, or, after an exception,
        none of it. StoreBusy when others write for longer than `timeout_s`.
        """

    def version(self) -> int:
        """The format of the tables."""

    def problems(self) -> list[str]:
        """What is wrong with the records, a line each. Cost: one read of them."""

    def cautions(self) -> list[str]:
        """What is not wrong, and may lose or delay something, a line each."""

    def close(self) -> None:
        """Close all connections of this process; using the records again opens new ones."""

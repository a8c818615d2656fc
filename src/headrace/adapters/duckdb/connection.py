"""A DuckDB database open for reading and nothing else, and what goes wrong with one as our errors."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from headrace.errors import InvalidInput

__all__ = ["named", "opened", "quoted"]


# DuckDB before version 2 has no such class.
_IN_USE = (duckdb.ResourceInUseException,) if hasattr(duckdb, "ResourceInUseException") else ()


def quoted(name: str) -> str:
    """A name of a table or column for SQL; dots part schema and table."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


@contextmanager
def named(where: str) -> Iterator[None]:
    """Whatever DuckDB raises, as one error that says where."""
    try:
        yield
    except (duckdb.IOException, *_IN_USE) as error:
        reason = " ".join(str(error).split())[:300]
        raise InvalidInput(
            f"the database cannot be read: {reason}",
            where=where,
            expected="a DuckDB database that nobody has open for writing",
            fix="close the other connection, also one of this process",
        ) from error
    except duckdb.Error as error:
        raise InvalidInput(
            " ".join(str(error).split())[:500], where=where, fix="mend the query or the table"
        ) from error


@contextmanager
def opened(path: Path, memory_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """The database, read-only: attached to an instance of our own, so that no setting of another connection matters.

    One thread, because with more the order of a join's rows is that of their race. Nothing but the database can be
    read, and nothing is fetched: what a run is planned on is the file.
    """
    if not path.is_file():
        raise InvalidInput("no file found", where=str(path), expected="a DuckDB database")
    with (
        tempfile.TemporaryDirectory(prefix="headrace-") as spills,  # of its own: DuckDB may read whatever lies in there
        named(str(path)),
        duckdb.connect(
            ":memory:",
            config={
                "threads": 1,
                "memory_limit": f"{memory_mb}MiB",
                "temp_directory": spills,
                "autoinstall_known_extensions": False,
            },
        ) as connection,
    ):
        place = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{place}' AS headrace_source (READ_ONLY)")
        connection.execute("USE headrace_source")
        connection.execute("SET enable_external_access = false")
        yield connection

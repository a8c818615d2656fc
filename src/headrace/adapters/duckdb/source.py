"""Tables and queries of DuckDB databases: join, filter and derive in SQL, then let the pipeline begin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from headrace.adapters.duckdb.connection import named, opened, quoted
from headrace.dataset import Fragment
from headrace.dataset.reading import as_logical
from headrace.dataset.types import logical_schema, one_schema
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.ingestion import Batches, Known, Piece, Plan, look_at_file, plan_files

__all__ = ["DuckDB"]

_BATCH_ROWS = 1 << 16


@dataclass(frozen=True)
class DuckDB:
    """A table, or what a query gives, of one DuckDB database, or of one a span.

    Parameters
    ----------
    pattern : str
        The database's path; `{span}` and wildcards as for files, where every span has a database of its own.
    spans : str or sequence of str
        Which spans, see `headrace.ingestion.select_spans`.
    base : str or None
        Where a relative path starts; None = the working folder.
    table : str or None
        The table or view, such as "flights" or "main.flights".
    query : str or None
        Instead of a table: one SELECT over the database's own tables.
    memory_mb : int
        What DuckDB may use beside the batches it hands over; beyond it spills to `TMPDIR`.

    The database is opened read-only, by one thread. **Order of rows**: a table's is that in which they were inserted; a
    query's is what its ORDER BY says, and without one that of DuckDB's plan, which another version may change. Give a
    query with joins an ORDER BY, or the data set a key: with a key, splits do not depend on the order.

    DECIMAL and HUGEINT (which sums of integers are) become float64: cast them in the query to have something else.
    In a pipeline a database counts by its bytes: any change in the file reads its spans again, and where their rows are
    what they were nothing after that is done again.

    The cursor is the name of the last span planned: what comes after it is new.
    """

    pattern: str
    spans: str | Sequence[str] = "all"
    base: str | None = None
    table: str | None = None
    query: str | None = None
    memory_mb: int = 1024

    def __post_init__(self) -> None:
        if (self.table is None) == (self.query is None):
            raise Misuse(
                "DuckDB needs a table or a query, and not both",
                expected='hr.DuckDB("flights.db", table="flights") or query="select ..."',
            )
        if type(self.memory_mb) is not int or self.memory_mb < 1:
            raise InvalidInput(f"memory_mb = {self.memory_mb!r}", expected="a whole number of MiB, at least 1")

    def plan(self, cursor: str | None = None) -> Plan:
        """The databases of the chosen spans after the cursor. Cost: a look into the folder."""
        return plan_files("duckdb", self.pattern, spans=self.spans, base=self.base, cursor=cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """The file as it is. Cost: one that is not known is read once."""
        return look_at_file(fragment, known)

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """The rows of one database, in its own types. Memory: a batch of 65,536 rows, and `memory_mb`."""
        path = Path(fragment.locator)
        with opened(path, self.memory_mb) as connection:
            reader = self._rows(connection, path).limit(0).to_arrow_reader(1)
        own = logical_schema(_as_numbers(reader.schema), fragment.locator)
        return Batches(own, self._batches(path, own))

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema that all databases have: InvalidSchema names the columns in which they differ."""
        return one_schema(shapes)

    def _rows(self, connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
        if self.query is not None:
            with named(f"{path}, query {self.query[:200]!r}"):
                return connection.sql(f"SELECT * FROM ({self.query.strip().rstrip(';')}\n)")  # noqa: S608  # theirs
        table = str(self.table)
        with named(f"{path}, table {table}"):
            listed = connection.sql("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
            names = {name for schema, name in listed} | {f"{schema}.{name}" for schema, name in listed}
            if table.lower() not in {name.lower() for name in names}:
                raise UnknownName("table", table, names, where=str(path))
            return connection.sql(f"SELECT * FROM {quoted(table)}")  # noqa: S608  # quoted, and it exists

    def _batches(self, path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        what = f"table {self.table}" if self.query is None else f"query {self.query[:200]!r}"
        with opened(path, self.memory_mb) as connection, named(f"{path}, {what}"):
            for batch in self._rows(connection, path).to_arrow_reader(_BATCH_ROWS):
                columns = []
                for item, column in zip(schema, batch.columns, strict=True):
                    column = as_logical(column)
                    is_text = pa.types.is_dictionary(column.type) or column.type == item.type
                    columns.append(column if is_text else column.cast(item.type))
                yield pa.RecordBatch.from_arrays(columns, names=schema.names)


def _as_numbers(schema: pa.Schema) -> pa.Schema:
    """The schema with decimals as float64 and moments with a zone in UTC, whatever the session's zone is."""
    fields = []
    for item in schema:
        if pa.types.is_decimal(item.type):
            item = item.with_type(pa.float64())
        elif pa.types.is_timestamp(item.type) and item.type.tz is not None:
            item = item.with_type(pa.timestamp(item.type.unit, tz="UTC"))
        fields.append(item)
    return pa.schema(fields)

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
from headrace.ingestion import Batches, Known, Piece, Plan, find_spans, look_at_file, plan_files
from headrace.ingestion.tables import check_columns, check_table, locate, plan_table, query_text, span_of, whole_order

__all__ = ["DuckDB"]

_BATCH_ROWS = 1 << 16
_LOOKED: dict[tuple[str, str], str] = {}


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

    span_by : str or None
        Which span a row is in, as a column or an SQL expression of the row alone: "month",
        "strftime(time_hour, '%Y-%m')". One database then holds all spans; without it a database is a span.
    columns : sequence of str
        Only these, in this order; none = all.
    where : str or None
        Only rows for which this SQL expression is true.
    order_by : sequence of str
        Columns by which the rows of a span are ordered, nulls last; ties by all other columns. They need not be among
        `columns`.

    The database is opened read-only, by one thread. **Order of rows**: what `order_by` says. Without it a table's is
    that in which they were inserted, and a query's what its ORDER BY says, and without one that of DuckDB's plan, which
    another version may change. Give a query with joins an order, or the data set a key: with a key, splits do not
    depend on it.

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
    span_by: str | None = None
    columns: str | Sequence[str] = ()
    where: str | None = None
    order_by: str | Sequence[str] = ()

    def __post_init__(self) -> None:
        lists = {"columns": self.columns, "order_by": self.order_by}
        for name, value in check_table("DuckDB", self.table, self.query, lists).items():
            object.__setattr__(self, name, value)
        if type(self.memory_mb) is not int or self.memory_mb < 1:
            raise InvalidInput(f"memory_mb = {self.memory_mb!r}", expected="a whole number of MiB, at least 1")
        if self.span_by is not None and "{span}" in self.pattern:
            raise Misuse(
                f"{self.pattern!r} has spans in its path, and span_by = {self.span_by!r} in its rows",
                fix="say one of them",
            )

    def plan(self, cursor: str | None = None) -> Plan:
        """The chosen spans after the cursor. Cost: a look into the folder; with `span_by` one scan of its columns."""
        if self.span_by is None:
            return plan_files("duckdb", self.pattern, spans=self.spans, base=self.base, cursor=cursor)
        counts: list[tuple[str | None, str, int]] = []
        for _, paths in find_spans(self.pattern, base=None if self.base is None else Path(self.base)):
            for path in paths:
                counts += [(name, locate(str(path), span=name), rows) for name, rows in self._counted(Path(path))]
        return plan_table("duckdb", counts, self.pattern, span_by=self.span_by, spans=self.spans, cursor=cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """The file as it is, and the span. Cost: a file that is not known is read once."""
        path, span = span_of(fragment.locator)
        if span is None:
            return look_at_file(Fragment("duckdb", path, None), known)
        seen = {(span_of(locator)[0], mark): identity.split(" ")[0] for (locator, mark), identity in known.items()}
        file = look_at_file(Fragment("duckdb", path, None), {**_LOOKED, **seen})
        _LOOKED[path, file.mark] = file.identity  # its other spans are looked at next
        identity = known.get((fragment.locator, file.mark), f"{file.identity} {span}")
        return Piece(fragment.locator, file.mark, identity)

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """The rows of one span, in the database's types. Memory: a batch of 65,536 rows, and `memory_mb`."""
        place, span = span_of(fragment.locator)
        path = Path(place)
        with opened(path, self.memory_mb) as connection, named(self._named(path, span)):
            reader = self._rows(connection, path, span).limit(0).to_arrow_reader(1)
        own = logical_schema(_as_numbers(reader.schema), fragment.locator)
        return Batches(own, self._batches(path, span, own))

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema that all databases have: InvalidSchema names the columns in which they differ."""
        return one_schema(shapes)

    def _named(self, path: Path, span: str | None = None) -> str:
        what = f"table {self.table}" if self.query is None else f"query {self.query[:200]!r}"
        return f"{path}, {what}" + (f", span {span}" if span else "")

    def _counted(self, path: Path) -> list[tuple[str | None, int]]:
        """The spans that the rows of a database say they are in, with how many they are."""
        with opened(path, self.memory_mb) as connection, named(self._named(path)):
            rows = f"SELECT CAST(({self.span_by}) AS VARCHAR) span FROM {self._from(connection, path)}"  # noqa: S608  # theirs
            rows += f" WHERE ({self.where})" if self.where else ""
            return connection.sql(f"SELECT span, count(*) FROM ({rows}) GROUP BY span").fetchall()  # noqa: S608  # theirs

    def _from(self, connection: duckdb.DuckDBPyConnection, path: Path) -> str:
        """The table or query, for FROM."""
        if self.query is not None:
            return f"({query_text(self.query)})"
        table = str(self.table)
        listed = connection.sql("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
        names = {name for schema, name in listed} | {f"{schema}.{name}" for schema, name in listed}
        if table.lower() not in {name.lower() for name in names}:
            raise UnknownName("table", table, names, where=str(path))
        return quoted(table)

    def _rows(self, connection: duckdb.DuckDBPyConnection, path: Path, span: str | None) -> duckdb.DuckDBPyRelation:
        source = self._from(connection, path)
        rows = f"SELECT * FROM {source}"  # noqa: S608  # theirs; a table is quoted, and exists
        if self.columns or self.order_by:
            names = connection.sql(rows).columns
            check_columns(names, [*self.columns, *self.order_by], self._named(path))
            rows = f"SELECT {', '.join(map(_column, self.columns or names))} FROM {source}"  # noqa: S608  # quoted
        tests = [f"({self.where})"] if self.where else []
        if span is not None:
            tests.append(f"CAST(({self.span_by}) AS VARCHAR) = '{span}'")
        rows += f" WHERE {' AND '.join(tests)}" if tests else ""
        if self.order_by:
            order = ", ".join(f"{_column(name)} NULLS LAST" for name in whole_order(names, self.order_by))
            rows += f" ORDER BY {order}"
        return connection.sql(rows)

    def _batches(self, path: Path, span: str | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        with opened(path, self.memory_mb) as connection, named(self._named(path, span)):
            for batch in self._rows(connection, path, span).to_arrow_reader(_BATCH_ROWS):
                columns = []
                for item, column in zip(schema, batch.columns, strict=True):
                    column = as_logical(column)
                    is_text = pa.types.is_dictionary(column.type) or column.type == item.type
                    columns.append(column if is_text else column.cast(item.type))
                yield pa.RecordBatch.from_arrays(columns, names=schema.names)


def _column(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


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

"""Tables and queries of PostgreSQL, in Arrow batches over several connections that see one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pyarrow as pa

from headrace.adapters.postgres.connection import Session, check_uri, column, literal, opened
from headrace.adapters.postgres.ranges import in_order
from headrace.canonical import digest
from headrace.dataset import Fragment
from headrace.dataset.reading import as_logical
from headrace.dataset.types import logical_schema, one_schema
from headrace.errors import InvalidInput, UnknownName
from headrace.ingestion import Batches, Known, Piece, Plan
from headrace.ingestion.tables import (
    Prints,
    check_columns,
    check_table,
    locate,
    plan_table,
    query_text,
    span_of,
    whole_order,
)

__all__ = ["Postgres"]

_KEPT = {"bool", "int2", "int4", "int8", "float4", "float8", "date", "timestamp", "timestamptz", "time", "bytea"}
_TEXTS = {"text", "varchar", "bpchar", "name"}
_LOOKED = Prints()


@dataclass(frozen=True)
class Postgres:
    """A table, a view, or what a query gives, of a PostgreSQL database.

    Parameters
    ----------
    pattern : str
        The database: "postgresql://user@host:5432/database". Without a password: libpq takes that from PGPASSWORD,
        ~/.pgpass or a service file when reading begins.
    spans : str or sequence of str
        Which spans, see `headrace.ingestion.select_spans`.
    table : str or None
        The table or view, such as "flights" or "public.flights".
    query : str or None
        Instead of a table: one SELECT.
    span_by : str or None
        Which span a row is in, as a column or an SQL expression of the row alone: "month",
        "to_char(time_hour, 'YYYY-MM')". None = all rows are the span "all".
    columns : sequence of str
        Only these, in this order; none = all.
    where : str or None
        Only rows for which this SQL expression is true.
    order_by : sequence of str
        Columns by which the rows of a span are ordered, nulls last, text by its bytes; ties by all other columns, so
        that the rows' order is that of their values alone. They need not be among `columns`. None = by all columns.
    range_rows : int
        Rows of more than that are cut into ranges of the first column of their order, each read by a query of its own.
        An index on that column lets the server find a range without looking at the others.
    connections : int
        How many ranges are read at a time. How many there are cannot be seen in the rows.
    memory_mb : int
        What may be held of rows that have come and have not been taken.
    timeout_s : float
        How long the server may say nothing.

    Everything runs in read-only transactions, and what is read of a span is of one moment. NUMERIC becomes float64,
    moments with a zone are UTC, what Arrow has no plain type for (uuid, json, enum, interval ...) is the server's text.

    In a pipeline rows count by their content, a count and sums of their hashes that the server makes in one scan. For a
    table without `where` the mark is the transactions that the server has seen: while nobody writes there is one
    scan, after that one whenever it is looked at.

    The cursor is the name of the last span planned: what comes after it is new.
    """

    pattern: str
    spans: str | Sequence[str] = "all"
    table: str | None = None
    query: str | None = None
    span_by: str | None = None
    columns: str | Sequence[str] = ()
    where: str | None = None
    order_by: str | Sequence[str] = ()
    range_rows: int = 500_000
    connections: int = 2
    memory_mb: int = 256
    timeout_s: float = 300.0

    def __post_init__(self) -> None:
        lists = {"columns": self.columns, "order_by": self.order_by}
        for name, value in check_table("Postgres", self.table, self.query, lists).items():
            object.__setattr__(self, name, value)
        if self.pattern:
            check_uri(self.pattern)
        for name in ("range_rows", "connections", "memory_mb"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise InvalidInput(
                    f"{name} = {getattr(self, name)!r}", where="Postgres", expected="a whole number, at least 1"
                )
        if not self.timeout_s > 0:
            raise InvalidInput(f"timeout_s = {self.timeout_s!r}", where="Postgres", expected="seconds, above 0")

    def plan(self, cursor: str | None = None) -> Plan:
        """The chosen spans after the cursor, with their rows. Cost: one scan of the columns that `span_by` names."""
        where = self._named(self.pattern)
        with opened(self.pattern, self.timeout_s, where) as session:
            source, _ = self._table(session, where)
            group = " GROUP BY 1" if self.span_by else ""
            found = session.ask(f"SELECT {self._span()}, count(*) FROM {source}{self._tests(None)}{group}")  # noqa: S608  # theirs
        counts = [(name, self._locator(self.pattern, name), rows) for name, rows in found]
        return plan_table("postgres", counts, where, span_by=self.span_by, spans=self.spans, cursor=cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """What the span holds now. Cost: a question; where the mark is not known, a scan, of all spans together."""
        place, name = span_of(fragment.locator)
        span = name or "all"
        where = self._named(place, span)
        with opened(place, self.timeout_s, where) as session:
            source, is_plain = self._table(session, where)
            mark = _moment(session) if is_plain and self.where is None else ""
            return _LOOKED.look(
                fragment,
                span,
                mark,
                known,
                table=self._locator(place, None),
                where=where,
                ask=lambda one: self._fingerprints(session, source, where, one),
            )

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """The rows of one span, ranges in parallel, in order. Memory: `memory_mb` and a batch for each connection."""
        place, span = span_of(fragment.locator)
        where = self._named(place, span)
        with opened(place, self.timeout_s, where) as session:
            source, _ = self._table(session, where)
            kinds = _kinds(session, source)
            found = session.schema(self._select(source, kinds, span, " LIMIT 0", where))
        own = logical_schema(found.remove_metadata(), where)
        return Batches(own, self._batches(place, span, own))

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema that all fragments have: InvalidSchema names the columns in which they differ."""
        return one_schema(shapes)

    def _named(self, place: str, span: str | None = None) -> str:
        what = f"table {self.table}" if self.query is None else f"query {self.query[:200]!r}"
        return f"{place}, {what}" + (f", span {span}" if span else "")

    def _locator(self, place: str, span: str | None) -> str:
        of = {"span_by": self.span_by, "where": self.where, "columns": self.columns, "order_by": self.order_by}
        return locate(place, table=self.table, query=self.query, **of, span=span)

    def _span(self) -> str:
        return f"({self.span_by})::text" if self.span_by else "'all'::text"

    def _tests(self, span: str | None, more: str = "") -> str:
        """What rows must be, as WHERE."""
        tests = [f"({self.where}\n)"] if self.where else []
        if span is not None and self.span_by:
            tests.append(f"{self._span()} = {literal(span)}")
        tests += [more] if more else []
        return f" WHERE {' AND '.join(tests)}" if tests else ""

    def _table(self, session: Session, where: str) -> tuple[str, bool]:
        """The table or query, for FROM, and whether only transactions of this server can change what it holds."""
        if self.query is not None:
            return f"({query_text(self.query)}) headrace_rows", False
        listed = session.ask(
            "SELECT n.nspname, c.relname, c.oid::int8, c.relkind::text, pg_table_is_visible(c.oid) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"
            " AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        )
        tables = {f"{schema}.{name}": (schema, name, oid) for schema, name, oid, _, _ in listed}
        tables |= {name: (schema, name, oid) for schema, name, oid, _, is_visible in listed if is_visible}
        if self.table not in tables:
            raise UnknownName("table", str(self.table), tables, where=where.partition(", ")[0])
        schema, name, oid = tables[str(self.table)]
        (others,) = session.ask(
            f"WITH RECURSIVE below AS (SELECT {int(oid)}::oid AS oid UNION SELECT i.inhrelid FROM"  # noqa: S608  # a number
            " pg_inherits i JOIN below b ON i.inhparent = b.oid)"
            " SELECT count(*) FROM below JOIN pg_class c USING (oid) WHERE c.relkind NOT IN ('r', 'p', 'm')"
        )
        return f"{column(schema)}.{column(name)} headrace_rows", others[0] == 0

    def _select(self, source: str, kinds: dict[str, str], span: str | None, rest: str, where: str) -> str:
        check_columns(kinds, [*self.columns, *self.order_by], where)
        chosen = ", ".join(f"{_read(name, kinds[name])} AS {column(name)}" for name in self.columns or kinds)
        return f"SELECT {chosen} FROM {source}{self._tests(span)}{rest}"  # noqa: S608  # quoted, and theirs

    def _fingerprints(self, session: Session, source: str, where: str, span: str | None) -> dict[str, str]:
        """Of each span, or of one, what tells its rows from any others, whatever their order."""
        kinds = _kinds(session, source)
        check_columns(kinds, [*self.columns, *self.order_by], where)
        names = [name for name in kinds if not self.columns or name in self.columns or name in self.order_by]
        row = f"md5(ROW({', '.join(column(name) for name in names)})::text)"
        sums = ", ".join(f"sum(('x' || substr(md5, {at}, 16))::bit(64)::int8::numeric)::text" for at in (1, 17))
        rows = f"SELECT {self._span()} AS span, {row} AS md5 FROM {source}{self._tests(span)}"  # noqa: S608  # theirs
        found = session.ask(f"SELECT span, count(*), {sums} FROM ({rows}) hashed GROUP BY span")  # noqa: S608  # theirs
        types = [[name, kinds[name]] for name in names]
        prints = {} if self.span_by else {"all": digest(["postgres", types, 0])}
        return prints | {name: digest(["postgres", types, *map(str, told)]) for name, *told in found}

    def _batches(self, place: str, span: str | None, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        where = self._named(place, span)
        with opened(place, self.timeout_s, where) as session:
            source, _ = self._table(session, where)
            kinds = _kinds(session, source)
            order = [_ordered(name, kinds[name]) for name in whole_order(list(kinds), self.order_by)]
            rest = f" ORDER BY {', '.join(f'{item} NULLS LAST' for item in order)}"
            ranges = self._ranges(session, source, span, order[0])
            queries = [self._select(source, kinds, span, "", where) + self._in(span, part) + rest for part in ranges]
            ((snapshot,),) = session.ask("SELECT pg_export_snapshot()")
            for batch in in_order(
                queries,
                lambda: opened(place, self.timeout_s, where, snapshot=snapshot),
                connections=self.connections,
                batch_bytes=max(1 << 16, self.memory_mb * (1 << 20) // (4 * self.connections)),
                timeout_s=self.timeout_s,
                where=where,
            ):
                columns = [as_logical(item).cast(field.type) for item, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, names=schema.names)

    def _in(self, span: str | None, part: str) -> str:
        has_tests = bool(self._tests(span))
        return f" {'AND' if has_tests else 'WHERE'} {part}" if part else ""

    def _ranges(self, session: Session, source: str, span: str | None, key: str) -> list[str]:
        """Conditions on the first column of the order that part the rows, in order; one that is empty for few rows."""
        ((rows,),) = session.ask(f"SELECT count(*) FROM {source}{self._tests(span)}")  # noqa: S608  # theirs
        num_ranges = -(-rows // self.range_rows)
        if num_ranges < 2:
            return [""]
        shares = ", ".join(repr(index / num_ranges) for index in range(1, num_ranges))
        found = session.ask(
            f"SELECT unnest(percentile_disc(ARRAY[{shares}]::float8[]) WITHIN GROUP (ORDER BY {key}))::text"  # noqa: S608
            f" FROM {source}{self._tests(span)}"
        )
        bounds = [literal(bound) for bound in dict.fromkeys(row[0] for row in found) if bound is not None]
        if not bounds:
            return [""]
        between = [f"({key} >= {low} AND {key} < {high})" for low, high in pairwise(bounds)]
        return [f"({key} < {bounds[0]})", *between, f"({key} >= {bounds[-1]} OR {key} IS NULL)"]


def _kinds(session: Session, source: str) -> dict[str, str]:
    """Column -> the server's name of its type."""
    found = session.schema(f"SELECT * FROM {source} LIMIT 0")  # noqa: S608  # quoted, or theirs
    logical_schema(found.remove_metadata(), "the query")  # two columns of one name
    return {item.name: (item.metadata or {}).get(b"POSTGRESQL:type", b"").decode() for item in found}


def _read(name: str, kind: str) -> str:
    """A column as it is selected: what Arrow has a plain type for as it is, else a number or text."""
    if kind in _KEPT or kind.removeprefix("_") in _KEPT | {"text", "varchar"}:
        return column(name)
    return f"{column(name)}::float8" if kind == "numeric" else f"{column(name)}::text"


def _ordered(name: str, kind: str) -> str:
    """A column as rows are ordered by it: text by its bytes, as everywhere but in PostgreSQL."""
    if kind in _KEPT or kind == "numeric" or kind.removeprefix("_") in _KEPT:
        return column(name)
    return f'({column(name)}::text COLLATE "C")'


def _moment(session: Session) -> str:
    """The server, and the transactions that are visible on it: while that is the same, so is every plain table."""
    ((mark,),) = session.ask(
        "SELECT concat_ws(' ', system_identifier, (SELECT timeline_id FROM pg_control_checkpoint()), current_user,"
        " pg_current_snapshot()::text) FROM pg_control_system()"
    )
    return str(mark)

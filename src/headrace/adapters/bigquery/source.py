"""Tables and queries of BigQuery, through the Storage Read API's streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from google.api_core import exceptions
from google.cloud import bigquery

from headrace.adapters.bigquery.connection import emulator, named, open_client, retry, run, storage_client
from headrace.adapters.bigquery.streams import Streams
from headrace.adapters.bigquery.text import column, is_one_piece
from headrace.adapters.bigquery.types import arrow_schema
from headrace.canonical import digest
from headrace.dataset import Fragment
from headrace.dataset.reading import as_logical
from headrace.dataset.types import logical_schema, one_schema
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.ingestion import Batches, Known, Piece, Plan
from headrace.ingestion.sorting import sorted_batches
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

__all__ = ["BigQuery"]

_LOOKED = Prints()


@dataclass(frozen=True)
class BigQuery:
    """A table, a view, or what a query gives, of BigQuery.

    Parameters
    ----------
    pattern : str
        The table or view, "project.dataset.table"; "" where there is a query.
    spans : str or sequence of str
        Which spans, see `headrace.ingestion.select_spans`.
    query : str or None
        Instead of a table: one SELECT, which runs as a job, and whose destination is read.
    project : str or None
        Who pays for queries and sessions; None = the credentials' own.
    span_by : str or None
        Which span a row is in, as a column or an SQL expression of the row alone: "month". None = all rows are the
        span "all".
    columns : sequence of str
        Only these, in this order; none = all.
    where : str or None
        Only rows for which this SQL expression is true. For a table it goes into the read session.
    order_by : sequence of str
        Columns by which the rows of a span are ordered, nulls last; ties by all other columns, so that the rows' order
        is that of their values alone. They need not be among `columns`. None = by all columns.
    streams : int
        How many streams are read at a time. How many the service gives cannot be seen in the rows.
    memory_mb : int
        How many rows are sorted at a time; beyond it they lie in `TMPDIR` as sorted runs.
    timeout_s : float
        How long the service may say nothing.

    Credentials are Google's Application Default Credentials, taken when reading begins. NUMERIC and BIGNUMERIC become
    float64, DATETIME is a moment without a zone, JSON, GEOGRAPHY and INTERVAL are text.

    In a pipeline rows count by their content: their number and sums of their fingerprints, which one query makes. A
    table's mark is its etag, so that the query runs again after a change only; it bills the columns that are read. An
    emulator's etag does not change with its rows: there the query runs at every look, as it does for a view, with
    `where`, and while rows are in the streaming buffer.

    The cursor is the name of the last span planned: what comes after it is new.
    """

    pattern: str = ""
    spans: str | Sequence[str] = "all"
    query: str | None = None
    project: str | None = None
    span_by: str | None = None
    columns: str | Sequence[str] = ()
    where: str | None = None
    order_by: str | Sequence[str] = ()
    streams: int = 4
    memory_mb: int = 256
    timeout_s: float = 120.0

    def __post_init__(self) -> None:
        lists = {"columns": self.columns, "order_by": self.order_by}
        for name, value in check_table("BigQuery", None, "any", lists).items():
            object.__setattr__(self, name, value)
        if self.pattern and self.query is not None:
            raise Misuse(
                "BigQuery needs a table or a query, and not both",
                expected='hr.BigQuery("project.dataset.table") or hr.BigQuery(query="select ...")',
            )
        if self.pattern and len(self.pattern.split(".")) != 3:
            raise InvalidInput(f"table {self.pattern!r}", where="BigQuery", expected='"project.dataset.table"')
        for name in ("query", "where", "span_by"):
            if not is_one_piece(getattr(self, name) or ""):
                raise InvalidInput(
                    f"{name} = {getattr(self, name)[:200]!r} is more than one statement or expression",
                    where="BigQuery",
                    expected="one that reads",
                )
        for name in ("streams", "memory_mb"):
            if type(getattr(self, name)) is not int or getattr(self, name) < 1:
                raise InvalidInput(
                    f"{name} = {getattr(self, name)!r}", where="BigQuery", expected="a whole number, at least 1"
                )
        if not self.timeout_s > 0:
            raise InvalidInput(f"timeout_s = {self.timeout_s!r}", where="BigQuery", expected="seconds, above 0")

    def plan(self, cursor: str | None = None) -> Plan:
        """The chosen spans after the cursor. Cost: with `span_by` one query, which bills the columns it names."""
        if not self.pattern and self.query is None:
            raise Misuse("BigQuery needs a table or a query", expected='hr.BigQuery("project.dataset.table")')
        where = self._named(self.pattern)
        counts: list[tuple[str | None, str, int]] = [("all", self._locator(self.pattern, "all"), 0)]
        with named(where, self.timeout_s):
            client = self._client(self.pattern)
            self._table(client, self.pattern, where)
            if self.span_by:
                sql = f"SELECT {self._span()} AS span, COUNT(*) AS num_rows FROM {self._from(self.pattern)}"  # noqa: S608  # theirs
                rows = self._ask(client, f"{sql}{self._tests(None)} GROUP BY span")
                counts = [(name, self._locator(self.pattern, name), count) for name, count in rows]
        plan = plan_table("bigquery", counts, where, span_by=self.span_by, spans=self.spans, cursor=cursor)
        if self.span_by:
            return plan
        unknown = [type(item)(item.span, Fragment("bigquery", item.fragment.locator, None)) for item in plan.fragments]
        return Plan(tuple(unknown), plan.next_cursor)

    def look(self, fragment: Fragment, known: Known) -> Piece:
        """What the span holds now. Cost: a question; where the mark is not known, a query, of all spans together."""
        place, name = self._placed(fragment)
        where = self._named(place, name)
        with named(where, self.timeout_s):
            client = self._client(place)
            fields, mark, _ = self._table(client, place, where)
            return _LOOKED.look(
                fragment,
                name,
                mark,
                known,
                table=self._locator(place, None),
                where=where,
                ask=lambda one: self._fingerprints(client, place, fields, one),
            )

    def read(self, fragment: Fragment, schema: pa.Schema | None = None) -> Batches:
        """The rows of one span, its streams in parallel, sorted. Memory: three times `memory_mb`, and the streams'."""
        place, span = self._placed(fragment)
        where = self._named(place, span)
        with named(where, self.timeout_s):
            fields, _, _ = self._table(self._client(place), place, where)
        kinds = arrow_schema(fields)
        own = logical_schema(pa.schema([kinds.field(name) for name in self.columns or kinds.names]), where)
        return Batches(own, self._batches(place, span, kinds, own))

    def join(self, shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
        """The schema that all fragments have: InvalidSchema names the columns in which they differ."""
        return one_schema(shapes)

    def _client(self, place: str) -> bigquery.Client:
        return open_client(self.project or (place.partition(".")[0] if emulator() else None), self.timeout_s)

    def _named(self, place: str, span: str | None = None) -> str:
        what = f"BigQuery table {place}" if self.query is None else f"BigQuery query {self.query[:200]!r}"
        return what + (f", span {span}" if span and self.span_by else "")

    def _placed(self, fragment: Fragment) -> tuple[str, str]:
        place, span = span_of(fragment.locator)
        return ("" if self.query is not None else place), span or "all"

    def _locator(self, place: str, span: str | None) -> str:
        of = {"span_by": self.span_by, "where": self.where, "columns": self.columns, "order_by": self.order_by}
        return locate(place or "query", query=self.query, **of, span=span)

    def _from(self, place: str) -> str:
        return f"`{place}`" if self.query is None else f"({query_text(self.query)})"

    def _span(self) -> str:
        return f"CAST(({self.span_by}) AS STRING)" if self.span_by else "CAST('all' AS STRING)"

    def _restriction(self, span: str | None) -> str:
        tests = [f"({self.where}\n)"] if self.where else []
        if span is not None and self.span_by:
            tests.append(f"{self._span()} = '{span}'")
        return " AND ".join(tests)

    def _tests(self, span: str | None) -> str:
        found = self._restriction(span)
        return f" WHERE {found}" if found else ""

    def _ask(self, client: bigquery.Client, sql: str) -> list[tuple[Any, ...]]:
        job = run(client, sql, self.timeout_s)
        rows = job.result(retry=retry(self.timeout_s), job_retry=None, timeout=self.timeout_s)
        return [tuple(row.values()) for row in rows]

    def _table(
        self, client: bigquery.Client, place: str, where: str
    ) -> tuple[Sequence[bigquery.SchemaField], str, bool]:
        """What columns there are, a mark that is the same only while the rows are, and whether it is a stored table."""
        mark, is_stored = "", False
        if self.query is not None:
            job = run(client, f"SELECT * FROM {self._from(place)}", self.timeout_s, is_dry=True)  # noqa: S608  # theirs
            if job.statement_type != "SELECT":
                raise InvalidInput(
                    f"the query is a {job.statement_type}", where=where, expected="one SELECT: what only reads"
                )
            fields = job.schema or []
        else:
            again = retry(self.timeout_s)
            try:
                found = client.get_table(place, retry=again, timeout=self.timeout_s)
            except exceptions.NotFound:
                self._missing(client, place)
                raise
            fields = found.schema
            is_stored = found.table_type == "TABLE"
            if is_stored and found.streaming_buffer is None and self.where is None and not emulator():
                mark = f"{found.etag} {found.modified and found.modified.isoformat()}"
        check_columns([field.name for field in fields], [*self.columns, *self.order_by], where)
        return fields, mark, is_stored

    def _missing(self, client: bigquery.Client, place: str) -> None:
        """Raise UnknownName, with the nearest, for a dataset or table that there is not."""
        project, dataset, table = place.split(".")
        again, wait_s = retry(self.timeout_s), self.timeout_s
        datasets = [item.dataset_id for item in client.list_datasets(project, retry=again, timeout=wait_s)]
        if dataset not in datasets:
            raise UnknownName("dataset", dataset, datasets, where=f"project {project}")
        tables = [item.table_id for item in client.list_tables(f"{project}.{dataset}", retry=again, timeout=wait_s)]
        raise UnknownName("table", table, tables, where=f"dataset {project}.{dataset}")

    def _fingerprints(
        self, client: bigquery.Client, place: str, fields: Sequence[bigquery.SchemaField], span: str | None
    ) -> dict[str, str]:
        """Of each span, or of one, what tells its rows from any others, whatever their order."""
        used = [item for item in fields if not self.columns or item.name in self.columns or item.name in self.order_by]
        row = f"STRUCT({', '.join(column(item.name) for item in used)})"
        rows = f"SELECT {self._span()} AS span, FARM_FINGERPRINT(TO_JSON_STRING({row})) AS h FROM {self._from(place)}"  # noqa: S608  # theirs
        halves = "SUM(DIV(h, 4294967296)) AS high, SUM(MOD(h, 4294967296)) AS low"
        sql = f"SELECT span, COUNT(*) AS num_rows, {halves} FROM ({rows}{self._tests(span)}) GROUP BY span"  # noqa: S608  # theirs
        types = [[item.name, item.field_type, item.mode] for item in used]
        prints = {} if self.span_by else {"all": digest(["bigquery", types, 0])}
        return prints | {name: digest(["bigquery", types, *told]) for name, *told in self._ask(client, sql)}

    def _batches(self, place: str, span: str, kinds: pa.Schema, own: pa.Schema) -> Iterator[pa.RecordBatch]:
        where = self._named(place, span)
        order = whole_order(kinds.names, self.order_by)
        needed = [name for name in kinds.names if not self.columns or name in self.columns or name in self.order_by]
        order = [name for name in order if name in needed]
        rows = pa.schema([kinds.field(name) for name in needed])
        with named(where, self.timeout_s), storage_client() as storage:
            client = self._client(place)
            table, restriction = place, self._restriction(span)
            _, _, is_stored = self._table(client, place, where)
            if not is_stored:
                chosen = ", ".join(column(name) for name in needed)
                sql = f"SELECT {chosen} FROM {self._from(place)}{self._tests(span)}"  # noqa: S608  # theirs
                to = run(client, sql, self.timeout_s).destination
                table, restriction = f"{to.project}.{to.dataset_id}.{to.table_id}", ""
            project, dataset, name = table.split(".")
            streams = Streams(
                storage,
                client.project,
                f"projects/{project}/datasets/{dataset}/tables/{name}",
                columns=needed,
                restriction=restriction,
                streams=self.streams,
                timeout_s=self.timeout_s,
                where=where,
            )

            def arriving() -> Iterator[pa.RecordBatch]:
                num_rows = 0
                for batch in streams.batches():
                    num_rows += batch.num_rows
                    columns = [as_logical(batch.column(item.name)).cast(item.type) for item in rows]
                    yield pa.RecordBatch.from_arrays(columns, schema=rows)
                if streams.resumed:  # a server may have sent again what it had sent: rows are counted, not trusted
                    counted = f"SELECT COUNT(*) FROM `{table}`" + (f" WHERE {restriction}" if restriction else "")  # noqa: S608
                    ((expected,),) = self._ask(client, counted)
                    if num_rows != expected:
                        raise InvalidInput(
                            f"a stream broke off, and taken up again it sent {num_rows} rows instead of {expected}",
                            where=where,
                            fix="run it again: nothing was taken in",
                        )

            for batch in sorted_batches(arriving(), rows, order, self.memory_mb << 20):
                yield batch.select(own.names)

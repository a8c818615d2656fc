"""The DuckDB source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import headrace as hr
from headrace import disk, lookup
from headrace.adapters.duckdb.source import DuckDB
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.ingestion import Source, combine_spans, resolve_spans, write_span
from headrace.testing.source_cases import SourceCases


def database(path: Path, *statements: str) -> Path:
    """A database in which these statements were run."""
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


class TestOneDatabaseASpan(SourceCases):
    """The laws of sources, on `{span}.db`."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Databases of the span's name."""
        for name, table in spans.items():
            with duckdb.connect(str(folder / f"{name}.db")) as connection:
                connection.register("delivered", table)
                connection.execute("CREATE TABLE flights AS SELECT * FROM delivered")

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return DuckDB("{span}.db", base=str(folder), table="flights")

    def damage(self, folder: Path, span: str) -> None:
        """Cut short, in its middle."""
        path = folder / f"{span}.db"
        path.write_bytes(path.read_bytes()[:5000])


class TestOneDatabase(SourceCases):
    """The laws of sources, on spans inside one table; its rows are ordered by a column that is not read."""

    keeps_empty = False
    nothing = "no row found"

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Rows of one table, which say their span; last things first."""
        with duckdb.connect(str(folder / "all.db")) as connection:
            connection.execute(f"CREATE TABLE IF NOT EXISTS flights ({self.COLUMNS}, position BIGINT, month VARCHAR)")
            for name, table in spans.items():
                connection.register("delivered", table.append_column("position", pa.array(range(len(table)))))
                connection.execute(f"INSERT INTO flights SELECT *, '{name}' FROM delivered ORDER BY position DESC")

    COLUMNS = "id BIGINT, carrier VARCHAR, hour TINYINT, delay DOUBLE"

    def source(self, folder: Path) -> Source:
        """Its months."""
        if not (folder / "all.db").exists():
            self.deliver(folder, {})
        names = ["id", "carrier", "hour", "delay"]
        return DuckDB("all.db", base=str(folder), table="flights", span_by="month", columns=names, order_by="position")

    def damage(self, folder: Path, span: str) -> None:
        """A view of the same name, which fails on the rows of one span."""
        failing = f"case when month = '{span}' then error('broken') else id end"
        with duckdb.connect(str(folder / "all.db")) as connection:
            connection.execute("ALTER TABLE flights RENAME TO rows_")
            connection.execute(f"CREATE VIEW flights AS SELECT * REPLACE ({failing} AS id) FROM rows_")


@pytest.fixture
def flights(tmp_path: Path) -> Path:
    """Two tables to be joined."""
    return database(
        tmp_path / "flights.db",
        "create table flights as select i id, 'C' || (i % 3) carrier, i / 8 delay, i % 2 = 0 late"
        " from range(2000) r(i)",
        "create table carriers as select * from (values ('C0', 'Zero'), ('C1', 'One')) v(carrier, name)",
        "create schema other",
        "create view other.late as select * from flights where late",
    )


def test_found_by_name() -> None:
    """The name users type is the name of the folder, and of the class."""
    assert lookup.find("source", "duckdb") is DuckDB
    assert hr.DuckDB is DuckDB


def test_a_join_in_sql_is_a_data_set(flights: Path) -> None:
    """What a query gives is ingested in its order, nulls and all, and DuckDB counts the same."""
    query = "select f.id, f.delay, c.name, f.late from flights f left join carriers c using (carrier) order by f.id;"
    data = hr.ingest(hr.DuckDB(str(flights), query=query), label="late", key="id")
    found = data.to_arrow()
    assert found["id"].to_pylist() == list(range(2000))
    assert found.slice(0, 3)["name"].to_pylist() == ["Zero", "One", None]
    counted = duckdb.sql("select name, count(*) from data group by all order by all").fetchall()
    assert counted == [("One", 667), ("Zero", 667), (None, 666)]
    assert hr.validate(data, hr.infer_schema(hr.analyze(data))).ok
    assert hr.ingest(hr.DuckDB(str(flights), table="other.late")).num_rows == 1000


def test_types_are_those_that_models_know(tmp_path: Path) -> None:
    """Decimals and huge integers are numbers, enums are text, moments with a zone are UTC."""
    path = database(
        tmp_path / "x.db",
        "set timezone = 'Europe/Zurich'",
        "create table x as select 1.25::decimal(10, 2) d, sum(i) s, 'a'::enum('a', 'b') e, uuid() u,"
        " '2020-07-01 12:00+02'::timestamptz z, '2020-07-01'::timestamp t, null n from range(4) r(i)",
    )
    found = hr.ingest(hr.DuckDB(str(path), table="x")).to_arrow()
    types = {item.name: str(item.type) for item in found.schema}
    assert types["d"] == types["s"] == "double" and types["e"] == types["u"] == "string"
    assert (types["z"], types["t"]) == ("timestamp[us, tz=UTC]", "timestamp[us]")
    row = found.to_pylist()[0]
    assert (row["d"], row["s"], row["e"], row["z"].hour) == (1.25, 6.0, "a", 10)


def test_as_artifacts_they_are_the_same_rows(flights: Path, tmp_path: Path) -> None:
    """A pipeline's step writes what the eager data set says."""
    source = hr.DuckDB("flights.db", base=str(tmp_path), query="from flights order by id")
    eager = hr.ingest(source, key="id")
    (span,) = resolve_spans("flights.db", base=tmp_path)
    written = write_span(span, disk.make_folder(tmp_path / "span"), source=source)
    assert combine_spans([("all", written)], roles=eager.roles).digest == eager.digest


def test_spans_are_those_that_rows_say(flights: Path) -> None:
    """An expression gives each row its span; columns and rows are chosen in the database; equal rows alone tie."""
    source = hr.DuckDB(
        str(flights), table="flights", span_by="'part-' || id // 700", columns=["delay", "id"], where="late",
        order_by="delay",
    )  # fmt: skip
    data = hr.ingest(source, key="id")
    sizes = {span.name: sum(part.num_rows or 0 for part in span.fragments) for span in data.spans}
    assert sizes == {"part-0": 350, "part-1": 350, "part-2": 300}
    rows = [(row["delay"], row["id"]) for row in data.to_arrow().to_pylist()]
    assert rows[:350] == sorted(rows[:350]) and data.column_names == ["delay", "id"]
    assert hr.ingest(source, spans="last 1").num_rows == 300
    with pytest.raises(InvalidInput, match=r"666 rows are in no span: nullif.* is null .*flights.*where="):
        hr.ingest(hr.DuckDB(str(flights), table="flights", span_by="nullif(carrier, 'C2')"))
    with pytest.raises(InvalidInput, match=r"667 rows give 'C 0' as their span .*name of it in SQL"):
        hr.ingest(hr.DuckDB(str(flights), table="flights", span_by="replace(carrier, 'C', 'C ')"))
    for wrong in ({"columns": ["dely"]}, {"order_by": "dely"}):
        with pytest.raises(UnknownName, match=r"no column named 'dely' .*did you mean 'delay'"):
            hr.ingest(hr.DuckDB(str(flights), table="flights", **wrong))
    with pytest.raises(Misuse, match=r"spans in its path, and span_by"):
        hr.DuckDB("{span}.db", table="x", span_by="y")
    with pytest.raises(InvalidInput, match=r"columns = \['x', 'x'\]"):
        hr.DuckDB("x.db", table="x", columns=["x", "x"])


def test_nothing_but_the_database_is_read_and_nothing_is_written(flights: Path, tmp_path: Path) -> None:
    """A query that reads a file, writes a table or is two statements is refused, and the database is what it was."""
    before = flights.read_bytes()
    (tmp_path / "x.csv").write_text("a\n1\n")
    for query, reason in (
        (f"select * from '{tmp_path / 'x.csv'}'", "x.csv"),
        ("insert into flights select * from flights returning *", "syntax error"),
        ("select 1; drop table flights", "syntax error"),
        ("select 1); drop table flights; select * from (select 1", "read-only"),
    ):
        with pytest.raises(InvalidInput, match=rf"{reason}.*flights\.db"):
            hr.ingest(hr.DuckDB(str(flights), query=query))
    assert flights.read_bytes() == before


def test_wrong_uses_are_answered_with_the_fix(flights: Path, tmp_path: Path) -> None:
    """Typos, missing files, files of another kind, a database somebody is writing, queries that fail."""
    with pytest.raises(Misuse, match="a table or a query"):
        hr.DuckDB("flights.db")
    with pytest.raises(InvalidInput, match=r"memory_mb = 0"):
        hr.DuckDB("flights.db", table="x", memory_mb=0)
    with pytest.raises(UnknownName, match=r"no table named 'flihgts' .*flights\.db.*did you mean 'flights'"):
        hr.ingest(hr.DuckDB(str(flights), table="flihgts"))
    with pytest.raises(InvalidInput, match=r"dely.*flights\.db, query 'select dely"):
        hr.ingest(hr.DuckDB(str(flights), query="select dely from flights"))
    with pytest.raises(InvalidInput, match=r"no file found .*none\.db"):
        hr.ingest(hr.DuckDB(str(tmp_path / "none.db"), table="flights"))
    (tmp_path / "text.db").write_text("id\n1\n" * 5000)
    with pytest.raises(InvalidInput, match=r"cannot be read: .*text\.db"):
        hr.ingest(hr.DuckDB(str(tmp_path / "text.db"), table="flights"))
    with pytest.raises(InvalidInput, match=r"boom .*flights\.db, query"):
        hr.ingest(hr.DuckDB(str(flights), query="select case when id > 1500 then error('boom') end x from flights"))
    with duckdb.connect(str(flights)), pytest.raises(InvalidInput, match=r"flights\.db.*open for writing"):
        hr.ingest(hr.DuckDB(str(flights), table="flights"))

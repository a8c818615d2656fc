"""The PostgreSQL source, on a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

import headrace as hr
from headrace import disk, lookup
from headrace.adapters.postgres.source import Postgres
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.ingestion import Piece, ResolvedSpan, Source, combine_spans, resolve_spans, write_span
from headrace.testing.source_cases import SourceCases
from tests.servers import postgres, silent

pytestmark = pytest.mark.slow  # a server is started
NAMES = ["id", "carrier", "hour", "delay"]


class TestOneTable(SourceCases):
    """The laws of sources, on spans inside one table; its rows are ordered by a column that is not read."""

    keeps_empty = False
    nothing = "no row found"

    @pytest.fixture(autouse=True)
    def _on(self, database: str) -> None:
        self.database = database
        postgres.run(
            database,
            "CREATE TABLE flights (id int8, carrier text, hour int2, delay float8, position int8, month text)",
        )

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Rows of one table, which say their span; last things first."""
        for name, table in spans.items():
            rows = table.append_column("position", pa.array(range(len(table)), pa.int64()))
            rows = rows.append_column("month", pa.array([name] * len(table), pa.string()))
            postgres.load(self.database, "flights", rows.take(list(range(len(rows)))[::-1]), mode="append")

    def source(self, folder: Path) -> Source:
        """Its months, in ranges of 40 rows, three at a time."""
        return Postgres(
            self.database,
            table="flights",
            span_by="month",
            columns=NAMES,
            order_by="position",
            range_rows=40,
            connections=3,
        )

    def damage(self, folder: Path, span: str) -> None:
        """A view of the same name, which fails on the rows of one span."""
        failing = f"1 / (case when month = '{span}' then 0 else 1 end) AS id"
        postgres.run(
            self.database,
            "ALTER TABLE flights RENAME TO stored",
            f"CREATE VIEW flights AS SELECT {failing}, carrier, hour, delay, position, month FROM stored",
        )

    def kept(self, table: pa.Table) -> pa.Table:
        """The server's smallest integer has two bytes."""
        return table.set_column(2, "hour", table["hour"].cast(pa.int16()))


@pytest.fixture
def flights(database: str) -> str:
    """Two tables to be joined, and one in another schema."""
    postgres.run(
        database,
        "CREATE TABLE flights AS SELECT i AS id, 'C' || (i % 3) AS carrier, i / 8 AS delay, i % 2 = 0 AS late"
        " FROM generate_series(0, 1999) s(i)",
        "CREATE TABLE carriers AS SELECT * FROM (VALUES ('C0', 'Zero'), ('C1', 'One')) v(carrier, name)",
        "CREATE SCHEMA other",
        "CREATE VIEW other.late AS SELECT * FROM flights WHERE late",
    )
    return database


def test_found_by_name() -> None:
    """The name users type is the name of the folder, and of the class."""
    assert lookup.find("source", "postgres") is Postgres
    assert hr.Postgres is Postgres


def test_a_join_in_sql_is_a_data_set(flights: str) -> None:
    """What a query gives is ingested in its values' order; columns and rows are chosen on the server."""
    query = "select f.id, f.delay, c.name, f.late from flights f left join carriers c using (carrier); "
    data = hr.ingest(hr.Postgres(flights, query=query, columns=["id", "name", "late"], where="id < 100"), key="id")
    assert data.to_arrow()["id"].to_pylist() == list(range(100))
    assert data.to_arrow()["name"].to_pylist()[:3] == ["Zero", "One", None]
    assert hr.ingest(hr.Postgres(flights, table="other.late", order_by="id")).num_rows == 1000


def test_neither_ranges_nor_connections_are_seen(flights: str) -> None:
    """Rows are the same, to their order, in one range or many, on one connection or many, with ties and without."""
    postgres.run(
        flights, "UPDATE flights SET carrier = NULL WHERE id % 7 = 0", "INSERT INTO flights SELECT * FROM flights"
    )
    digests = set()
    for ranges, connections in ((10_000, 1), (300, 1), (300, 4), (17, 3)):
        source = hr.Postgres(
            flights, table="flights", order_by="carrier", range_rows=ranges, connections=connections, memory_mb=1
        )
        data = hr.ingest(source)
        rows = data.to_arrow().to_pylist()
        assert rows == sorted(rows, key=lambda row: (row["carrier"] is None, row["carrier"] or "", row["id"]))
        assert len(rows) == 4000
        digests.add(data.digest)
    assert len(digests) == 1
    assert hr.ingest(hr.Postgres(flights, table="flights", range_rows=90)).num_rows == 4000


def test_types_are_those_that_models_know(database: str) -> None:
    """Numerics are numbers, moments with a zone are UTC whatever the server's zone, what Arrow has not is text."""
    postgres.run(
        database,
        "CREATE TYPE colour AS ENUM ('red', 'green')",
        "CREATE TABLE x AS SELECT 1.25::numeric(10, 2) d, 'green'::colour e, '{\"a\": 1}'::jsonb j, 'Éa'::varchar(9) v,"
        " '2020-07-01 12:00+02'::timestamptz z, '2020-07-01'::timestamp t, '2020-07-01'::date AS day, null n,"
        " '00000000-0000-0000-0000-000000000001'::uuid u, '{1,2}'::int4[] a, 'NaN'::float8 f, 'ab'::char(4) c,"
        " '1 day'::interval i, 1.5::real r, '\\x00ff'::bytea b, 'x' AS \"odd \"\"name\"",
    )
    found = hr.ingest(hr.Postgres(database, table="x")).to_arrow()
    types = {item.name: str(item.type) for item in found.schema}
    assert types["d"] == "double" and {types[name] for name in "ejvnuci"} == {"string"}
    assert (types["z"], types["t"], types["day"]) == ("timestamp[us, tz=UTC]", "timestamp[us]", "date32[day]")
    row = found.to_pylist()[0]
    assert (row["d"], row["e"], row["j"], row["v"], row["z"].hour) == (1.25, "green", '{"a": 1}', "Éa", 10)
    assert (row["a"], row["c"], row["i"], row["b"], row['odd "name']) == ([1, 2], "ab", "P1D", b"\x00\xff", "x")


def test_as_artifacts_they_are_the_same_rows(flights: str, tmp_path: Path) -> None:
    """A pipeline's step, which knows only the locator, writes what the eager data set says."""
    source = hr.Postgres(flights, table="flights", span_by="carrier", order_by="id")
    eager = hr.ingest(source, key="id")
    elsewhere = hr.Postgres("", table="flights", span_by="carrier", order_by="id")
    written = []
    for span in resolve_spans(source):
        folder = disk.make_folder(tmp_path / span.name)
        written.append((span.name, write_span(span, folder, source=elsewhere)))
    assert combine_spans(written, roles=eager.roles).digest == eager.digest


def test_a_change_is_seen_and_nothing_else_is(flights: str) -> None:
    """While nobody writes the mark holds; a write elsewhere moves it alone, another value or type the identity too."""
    source = hr.Postgres(flights, table="flights", span_by="carrier", columns=["id", "delay"])

    def look() -> dict[str, tuple[str, str]]:
        pieces = {span.name: span.pieces[0] for span in resolve_spans(source)}
        return {name: (piece.mark, piece.identity) for name, piece in pieces.items()}

    before = look()
    assert look() == before and all(mark for mark, _ in before.values())
    postgres.run(flights, "CREATE TABLE elsewhere AS SELECT 1 AS x", "UPDATE flights SET late = NOT late")
    after = look()
    assert all(after[name][0] != before[name][0] and after[name][1] == before[name][1] for name in before)
    postgres.run(flights, "UPDATE flights SET delay = delay + 1 WHERE id = 1")
    changed = look()
    assert changed["C1"][1] != before["C1"][1] and changed["C0"][1] == before["C0"][1]
    postgres.run(flights, "UPDATE flights SET delay = delay - 1 WHERE id = 1")
    assert look()["C1"][1] == before["C1"][1]
    postgres.run(flights, "DROP VIEW other.late", "ALTER TABLE flights ALTER delay TYPE int8")
    assert look()["C0"][1] != before["C0"][1]
    filtered = hr.Postgres(flights, table="flights", where="id < 10")
    assert [piece.mark for span in resolve_spans(filtered) for piece in span.pieces] == [""]


def test_a_table_that_changes_under_the_read_is_refused(flights: str, tmp_path: Path) -> None:
    """What a run was planned on is what it reads, or one error; what is read of a span is of one moment."""
    source = hr.Postgres(flights, table="flights", order_by="id", range_rows=100, connections=2, memory_mb=1)
    (span,) = resolve_spans(source)
    reading = source.read(source.plan().fragments[0].fragment)
    batches = [next(reading.batches)]
    postgres.run(flights, "UPDATE flights SET delay = 99999 - id", "DELETE FROM flights WHERE id % 2 = 1")
    batches += reading.batches
    rows = pa.Table.from_batches(batches)
    assert rows["id"].to_pylist() == list(range(2000)) and max(rows["delay"].to_pylist()) < 300
    with pytest.raises(InvalidInput, match=r"changed after the run was planned .*flights.*start a new run"):
        write_span(span, disk.make_folder(tmp_path / "span"), source=source)
    assert not list((tmp_path / "span").iterdir())


def test_wrong_uses_are_answered_with_the_fix(flights: str) -> None:
    """Typos, no server, a database or role that is not there, a query that fails or writes, no permission."""
    with pytest.raises(UnknownName, match=r"no table named 'flihgts' \(postgresql://.*did you mean 'flights'"):
        hr.ingest(hr.Postgres(flights, table="flihgts"))
    with pytest.raises(UnknownName, match=r"no column named 'dely' .*flights.*did you mean 'delay'"):
        hr.ingest(hr.Postgres(flights, table="flights", columns=["dely"]))
    with pytest.raises(InvalidInput, match=r'column "dely" does not exist .*query .select dely'):
        hr.ingest(hr.Postgres(flights, query="select dely from flights"))
    with pytest.raises(InvalidInput, match=r"division by zero .*query"):
        hr.ingest(hr.Postgres(flights, query="select id, 1 / (1500 - id) as x from flights"))
    with pytest.raises(InvalidInput, match=r"two columns are named 'id'"):
        hr.ingest(hr.Postgres(flights, query="select id, delay as id from flights"))
    with pytest.raises(InvalidInput, match=r"667 rows are in no span: nullif.* is null .*flights.*where="):
        hr.ingest(hr.Postgres(flights, table="flights", span_by="nullif(carrier, 'C1')"))
    with pytest.raises(InvalidInput, match=r'no connection: .*database "nowhere" does not exist .*see that'):
        hr.ingest(hr.Postgres(flights.rpartition("/")[0] + "/nowhere", table="flights"))
    with pytest.raises(InvalidInput, match=r"no connection: .*Connection refused.*see that the server runs"):
        hr.ingest(hr.Postgres(f"postgresql://x@127.0.0.1:{postgres.free_port()}/x", table="flights"))
    postgres.run(flights, "DROP ROLE IF EXISTS nobody_here", "CREATE ROLE nobody_here LOGIN")
    with pytest.raises(InvalidInput, match=r"permission denied: .*flights.*GRANT SELECT"):
        hr.ingest(hr.Postgres(flights.replace("postgres@", "nobody_here@"), table="flights"))
    for wrong in ({"range_rows": 0}, {"connections": 1.5}, {"memory_mb": -1}, {"timeout_s": 0}):
        with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} = "):
            hr.Postgres(flights, table="flights", **wrong)
    with pytest.raises(Misuse, match="a table or a query"):
        hr.Postgres(flights)
    with pytest.raises(Misuse, match="'mysql' is no scheme of PostgreSQL"):
        hr.Postgres("mysql://host/x", table="x")


def test_nothing_is_written(flights: str) -> None:
    """A query that writes, by itself or in a function it calls, or that is two statements, is refused."""
    postgres.run(
        flights,
        "CREATE FUNCTION sneaky() RETURNS int LANGUAGE sql AS 'DELETE FROM flights RETURNING 1'",
    )
    for query, reason in (
        ("insert into flights select * from flights returning *", "syntax error"),
        ("with gone as (delete from flights returning *) select * from gone", "must be at the top level"),
        ("select sneaky() as x", "the query writes: .*a query that only reads"),
        ("select 1 as x; drop table flights", "syntax error"),
        ("select 1 as x) headrace_rows; drop table carriers; select * from (select 1 as x", "multiple commands"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            hr.ingest(hr.Postgres(flights, query=query))
    assert hr.ingest(hr.Postgres(flights, table="flights")).num_rows == 2000
    assert hr.ingest(hr.Postgres(flights, table="carriers")).num_rows == 2


def test_passwords_are_not_taken_in_and_not_told(flights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URI with a password is refused without repeating it; libpq's own places are where it is taken from."""
    for uri in ("postgresql://me:geheim@host/db", "postgres://host/db?password=geheim&user=me"):
        with pytest.raises(Misuse, match="PGPASSWORD") as refused:
            hr.Postgres(uri, table="flights")
        assert "geheim" not in str(refused.value)
    monkeypatch.setenv("PGPASSWORD", "geheim")
    data = hr.ingest(hr.Postgres(flights, table="flights", order_by="id"))
    assert data.num_rows == 2000 and "geheim" not in repr(data)
    with pytest.raises(InvalidInput) as failed:
        hr.ingest(hr.Postgres(f"postgresql://x@127.0.0.1:{postgres.free_port()}/x", table="flights"))
    assert "geheim" not in str(failed.value)


def test_a_server_that_says_nothing_is_told(flights: str) -> None:
    """One that accepts and is silent, and one that stops in the middle: an error after `timeout_s`, not a hang."""
    with silent.listening() as address, pytest.raises(InvalidInput, match=r"said nothing|timeout expired"):
        hr.ingest(hr.Postgres(f"postgresql://x@{address}/x", table="flights", timeout_s=1.0))
    with silent.between(flights, stall_after_bytes=1_500_000) as uri:
        source = hr.Postgres(
            uri, query="select i, repeat('x', 900) as x from generate_series(1, 9000) s(i)", timeout_s=2.0
        )
        with pytest.raises(InvalidInput, match=r"the server said nothing for 2 s .*raise timeout_s"):
            hr.ingest(source)


def test_a_connection_that_is_cut_is_told(flights: str, tmp_path: Path) -> None:
    """Cut in the middle of the rows: one error that says what to do, and no span is left half-written."""
    query = "select i, repeat('x', 900) as x from generate_series(1, 9000) s(i)"
    (span,) = resolve_spans(hr.Postgres(flights, query=query))
    with silent.between(flights, cut_after_bytes=1_500_000) as uri:
        (planned,) = hr.Postgres(uri, query=query).plan().fragments
        moved = ResolvedSpan("all", (Piece(planned.fragment.locator, "", span.pieces[0].identity),))
        folder = disk.make_folder(tmp_path / "span")
        with pytest.raises(InvalidInput, match=r"the connection was cut: .*run it again: nothing was taken in"):
            write_span(moved, folder, source=hr.Postgres("", query=query))
        assert not (folder / "span.json").exists()


def test_it_is_refused_where_the_driver_is_missing() -> None:
    """Without the extra, the source is answered with its install line."""
    script = (
        "import sys; sys.modules['adbc_driver_manager'] = None; sys.modules['adbc_driver_postgresql'] = None\n"
        "import headrace as hr\ntry:\n    hr.Postgres\nexcept hr.errors.MissingExtra as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == "postgres source needs the drivers for PostgreSQL: pip install 'headrace[postgres]'\n"

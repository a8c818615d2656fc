"""The BigQuery source, on emulators that Google's own clients talk to."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

import headrace as hr
from headrace import disk, lookup
from headrace.adapters.bigquery.source import BigQuery
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.ingestion import Source, combine_spans, resolve_spans, write_span
from headrace.testing.source_cases import SourceCases
from tests.servers import silent
from tests.servers.bigquery import PROJECT, Emulator
from tests.servers.postgres import free_port

pytestmark = [pytest.mark.bigquery, pytest.mark.slow]
NAMES = ["id", "carrier", "hour", "delay"]
COLUMNS = {
    "id": "int64",
    "carrier": "string",
    "hour": "int64",
    "delay": "float64",
    "position": "int64",
    "month": "string",
}


class TestOneTable(SourceCases):
    """The laws of sources, on spans inside one table; its rows are ordered by a column that is not read."""

    keeps_empty = False
    nothing = "no row found"

    @pytest.fixture(autouse=True)
    def _on(self, emulator: Emulator, dataset: str) -> None:
        self.emulator, self.dataset = emulator, dataset
        empty = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in COLUMNS.items()]).empty_table()
        emulator.load(f"{dataset}.flights", empty)

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Rows of one table, which say their span; last things first."""
        for name, table in spans.items():
            rows = table.append_column("position", pa.array(range(len(table)), pa.int64()))
            rows = rows.append_column("month", pa.array([name] * len(table), pa.string()))
            self.emulator.load(f"{self.dataset}.flights", rows.take(list(range(len(rows)))[::-1]), is_new=False)

    def source(self, folder: Path) -> Source:
        """Its months."""
        return BigQuery(
            f"{PROJECT}.{self.dataset}.flights", span_by="month", columns=NAMES, order_by="position", streams=3
        )

    def damage(self, folder: Path, span: str) -> None:
        """A view of the same name, which fails on the rows of one span."""
        failing = f"IF(month = '{span}', ERROR('broken'), id) AS id"
        self.emulator.run(
            f"CREATE TABLE {self.dataset}.stored AS SELECT * FROM {self.dataset}.flights",
            f"DROP TABLE {self.dataset}.flights",
            f"CREATE VIEW {self.dataset}.flights AS"
            f" SELECT {failing}, carrier, hour, delay, position, month FROM {self.dataset}.stored",
        )

    def test_damage_is_named(self, tmp_path: Path) -> None:
        """What cannot be read is an InvalidInput that says where."""
        if self.emulator.kind == "bqemulator":
            pytest.skip("bqemulator keeps a query's result where its Storage Read API does not find it")
        super().test_damage_is_named(tmp_path)

    def kept(self, table: pa.Table) -> pa.Table:
        """BigQuery has one integer."""
        return table.set_column(2, "hour", table["hour"].cast(pa.int64()))


@pytest.fixture
def flights(emulator: Emulator, dataset: str) -> str:
    """The name of a table of 2,000 rows."""
    numbers = list(range(2000))
    rows = {"id": numbers, "carrier": [f"C{i % 3}" for i in numbers], "delay": [i // 8 for i in numbers]}
    emulator.load(f"{dataset}.flights", pa.table(rows | {"late": [i % 2 == 0 for i in numbers]}))
    return f"{PROJECT}.{dataset}.flights"


def test_found_by_name() -> None:
    """The name users type is the name of the folder, and of the class."""
    assert lookup.find("source", "bigquery") is BigQuery
    assert hr.BigQuery is BigQuery


def test_rows_and_columns_are_chosen_by_the_service(flights: str, tmp_path: Path) -> None:
    """Whatever streams bring them and however little is sorted at a time, rows are the same, and so are artifacts."""
    digests = set()
    for streams, memory_mb in ((1, 256), (4, 1)):
        source = hr.BigQuery(
            flights, span_by="carrier", columns=["delay", "id"], where="id < 1900", streams=streams, memory_mb=memory_mb
        )
        eager = hr.ingest(source, key="id")
        rows = [(row["delay"], row["id"]) for row in hr.ingest(source, spans="C1").to_arrow().to_pylist()]
        assert rows == sorted(rows) and len(rows) == 633
        digests.add(eager.digest)
    elsewhere = hr.BigQuery(span_by="carrier", columns=["delay", "id"], where="id < 1900", streams=4, memory_mb=1)
    written = []
    for span in resolve_spans(source):
        written.append((span.name, write_span(span, disk.make_folder(tmp_path / span.name), source=elsewhere)))
    assert {combine_spans(written, roles=eager.roles).digest} == digests


def test_a_query_is_a_job_whose_result_is_read(flights: str, emulator: Emulator) -> None:
    """What a query gives is ingested; what is more than one SELECT is refused before it runs."""
    with pytest.raises(InvalidInput, match=r"BigQuery query .delete from"):
        hr.ingest(hr.BigQuery(query=f"delete from `{flights}` where true"))
    for parts in ({"query": f"select 1 as x) ; delete from `{flights}` where (true"}, {"where": "true) or (true"}):
        with pytest.raises(InvalidInput, match=r"is more than one statement or expression .*one that reads"):
            hr.BigQuery(**parts)
    assert hr.ingest(hr.BigQuery(flights)).num_rows == 2000
    if emulator.kind == "bqemulator":
        pytest.skip("bqemulator keeps a query's result where its Storage Read API does not find it")
    query = f"select carrier, count(*) as num_rows, cast(1.5 as numeric) as x from `{flights}` group by carrier;"
    found = hr.ingest(hr.BigQuery(query=query)).to_arrow()
    assert found["carrier"].to_pylist() == ["C0", "C1", "C2"] and found["num_rows"].to_pylist() == [667, 667, 666]
    assert str(found.schema.field("x").type) == "double"


def test_a_change_is_seen_and_a_change_under_the_read_is_refused(
    flights: str, emulator: Emulator, tmp_path: Path
) -> None:
    """Another value is another identity, of its span alone; a run that was planned before it is refused."""
    source = hr.BigQuery(flights, span_by="carrier")
    before = {span.name: span for span in resolve_spans(source)}
    assert {span.name: span for span in resolve_spans(source)} == before
    emulator.run(f"update `{flights}` set delay = delay + 1 where id = 1")
    after = {span.name: span for span in resolve_spans(source)}
    assert [name for name in before if before[name].digest != after[name].digest] == ["C1"]
    folder = disk.make_folder(tmp_path / "span")
    with pytest.raises(InvalidInput, match=r"changed after the run was planned .*flights.*span=C1.*start a new run"):
        write_span(before["C1"], folder, source=source)
    assert not list(folder.iterdir())


def test_wrong_names_are_answered_with_the_nearest(flights: str) -> None:
    """A dataset, a table or a column that there is not, rows without a span, a query that fails."""
    project, dataset, _ = flights.split(".")
    with pytest.raises(UnknownName, match=r"no table named 'flihgts' .*did you mean 'flights'"):
        hr.ingest(hr.BigQuery(f"{project}.{dataset}.flihgts"))
    with pytest.raises(UnknownName, match=rf"no dataset named '{dataset}x' .*did you mean '{dataset}'"):
        hr.ingest(hr.BigQuery(f"{project}.{dataset}x.flights"))
    with pytest.raises(UnknownName, match=r"no column named 'dely' .*flights.*did you mean 'delay'"):
        hr.ingest(hr.BigQuery(flights, columns="dely"))
    with pytest.raises(InvalidInput, match=r"dely.*BigQuery query 'select dely"):
        hr.ingest(hr.BigQuery(query=f"select dely from `{flights}`"))
    with pytest.raises(InvalidInput, match=r"667 rows are in no span: nullif.* is null .*where="):
        hr.ingest(hr.BigQuery(flights, span_by="nullif(carrier, 'C1')"))
    with pytest.raises(InvalidInput, match=r"table 'flights'.*project\.dataset\.table"):
        hr.BigQuery("flights")
    with pytest.raises(Misuse, match="a table or a query"):
        hr.BigQuery(flights, query="select 1 as x")
    with pytest.raises(Misuse, match="a table or a query"):
        hr.ingest(hr.BigQuery())
    for wrong in ({"streams": 0}, {"memory_mb": 1.5}, {"timeout_s": 0}):
        with pytest.raises(InvalidInput, match=f"{next(iter(wrong))} = "):
            hr.BigQuery(flights, **wrong)


def test_no_server_and_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody there, and one that accepts and is silent: one error after `timeout_s`, not Google's ten minutes."""
    monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(InvalidInput, match=r"no connection to the emulator at .*start it, or unset"):
        hr.ingest(hr.BigQuery("p.d.t", timeout_s=0.5))
    with silent.listening() as address:
        monkeypatch.setenv("BIGQUERY_EMULATOR_HOST", f"http://{address}")
        with pytest.raises(InvalidInput, match=r"the service said nothing for 0\.5 s .*BigQuery table p\.d\.t"):
            hr.ingest(hr.BigQuery("p.d.t", timeout_s=0.5))


def test_credentials_that_are_missing_or_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where BigQuery itself is meant, credentials are looked for when reading begins; the fix says how to have some."""
    for name in ("BIGQUERY_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"CLOUDSDK_CONFIG": str(tmp_path), "NO_GCE_CHECK": "true", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInput, match=r"there are no credentials for Google Cloud .*gcloud auth"):
        hr.ingest(hr.BigQuery("p.d.t", timeout_s=0.5))
    key = tmp_path / "key.json"
    key.write_text('{"type": "service_account", "private_key": "geheim"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    with pytest.raises(InvalidInput) as refused:
        hr.ingest(hr.BigQuery("p.d.t", timeout_s=0.5))
    assert "credentials" in str(refused.value) and "geheim" not in str(refused.value)


def test_a_stream_that_breaks_off(flights: str, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken up again where it was; a server that then sends all of it again is found out by counting."""
    rows = pa.table({"id": list(range(200_000)), "x": [f"{i * 7919 % 100_003:09d}" for i in range(200_000)]})
    dataset = flights.split(".")[1]
    emulator.load(f"{dataset}.many", rows)
    source = hr.BigQuery(f"{PROJECT}.{dataset}.many", order_by="id", streams=1)
    with silent.between(emulator.grpc, cut_after_bytes=700_000) as address:
        monkeypatch.setenv("BIGQUERY_STORAGE_EMULATOR_HOST", address)
        try:
            found = hr.ingest(source).to_arrow()
        except InvalidInput as error:
            assert emulator.kind == "bqemulator"
            assert "a stream broke off, and taken up again it sent" in str(error) and "instead of 200000" in str(error)
        else:
            assert found["id"].to_pylist() == list(range(200_000))


def test_it_is_refused_where_the_clients_are_missing() -> None:
    """Without the extra, the source is answered with its install line."""
    script = (
        "import sys; sys.modules['google'] = None\n"
        "import headrace as hr\ntry:\n    hr.BigQuery\nexcept hr.errors.MissingExtra as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told == "bigquery source needs Google's BigQuery clients: pip install 'headrace[bigquery]'\n"

"""Runs as of a span: they see what there was then and push nothing; a backfill runs those that are missing, once."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.errors import HeadraceError, InvalidInput, Misuse, UnknownName
from headrace.ingestion import resolve_spans
from headrace.ingestion.past import all_spans, up_to
from headrace.ingestion.sources.parquet import Parquet
from headrace.orchestration.backfilling import ends_of, expected_between
from headrace.orchestration.forecasting import plan_pipeline
from headrace.orchestration.runner import backfill_pipeline, run_pipeline
from headrace.orchestration.values import load_value
from tests.orchestration.processes import call, messages, store_of
from tests.orchestration.small import actions, month, reasons, states

FLOW = """
    import pyarrow as pa

    @hr.step
    def count(data: hr.Dataset) -> int:
        return data.num_rows

    @hr.pipeline
    def flow(extra: int = 0):
        count(hr.ingest("data/{span}.parquet", spans="last 3", key=["id"]))
"""
MONTHS = ["2013-01", "2013-02", "2013-03", "2013-05", "2013-06"]


@pytest.fixture
def flow(project):
    """A project with five months of six; month n has n rows."""
    (project.folder / "data").mkdir()
    for name in MONTHS:
        pq.write_table(pa.table({"id": list(range(int(name[-1])))}), project.folder / "data" / f"{name}.parquet")
    return project.write(FLOW)


def counted(project):
    """As of -> the rows that each run counted."""
    with store_of(project) as store:
        rows = {run.plan.get("as_of"): store.attempts(run.run_id, "count")[0] for run in store.runs()}
        return {as_of: load_value(store, row.outputs["output"].digest) for as_of, row in rows.items()}


def backfilled(project, first="2013-01", last="2013-06", **options):
    """What a backfill says: [(span, state, spans read)]."""
    found = list(backfill_pipeline(project.pipeline(), {}, first=first, last=last, **options))
    return [(item.span, item.state, list(item.reads)) for item in found]


def test_a_source_as_of(flow):
    """Selectors mean what they would have meant; what is not there, or came later, is one clear error."""
    source = Parquet(str(flow.folder / "data/{span}.parquet"))
    assert all_spans(source) == MONTHS
    for spans, found in {"all": MONTHS[:3], "last 2": MONTHS[1:3], "2013-01..2013-02": MONTHS[:2]}.items():
        assert [item.name for item in resolve_spans(source, spans, as_of="2013-03")] == found
    with pytest.raises(UnknownName, match="no span named '2013-04'"):
        resolve_spans(source, as_of="2013-04")
    with pytest.raises(InvalidInput, match="as of 2013-03 there is no '2013-05'"):
        resolve_spans(source, "2013-05", as_of="2013-03")
    whole = Parquet(str(flow.folder / "data/*.parquet"))
    assert up_to(whole, "2013-03") is whole


def test_a_run_as_of(flow):
    """It reads what there was, is recorded as such, shares every key with a run of then, and `up` is not misled."""
    result = run_pipeline(flow.pipeline(), {}, in_process=True, as_of="2013-03")
    assert result.ok and counted(flow) == {"2013-03": 1 + 2 + 3}
    for name in MONTHS[3:]:
        (flow.folder / "data" / f"{name}.parquet").rename(flow.folder / name)
    plan = flow.pipeline().plan()
    assert set(actions(plan).values()) == {"cached"}
    with store_of(flow) as store:
        (run,) = store.runs()
        assert run.plan["as_of"] == "2013-03" and run.plan_id == plan.identity
    for name in MONTHS[3:]:
        (flow.folder / name).rename(flow.folder / "data" / f"{name}.parquet")
    code, out = call(flow, "up", "--once", "-o", "json")
    (told,) = json.loads(out)["pipelines"]
    assert (code, told["why"]) == (0, ["it never ran"])


def test_a_backfill(flow):
    """Each end is run as of then, the hole in the source is named, and what was run is not repeated."""
    wanted = [
        ("2013-01", MONTHS[:1]),
        ("2013-02", MONTHS[:2]),
        ("2013-03", MONTHS[:3]),
        ("2013-05", MONTHS[1:4]),
        ("2013-06", MONTHS[2:]),
    ]
    assert run_pipeline(flow.pipeline(), {}, in_process=True).ok
    states = ["missing"] * 4 + ["ran before"]
    hole = ("2013-04", "missing in the source", [])
    expected = [(span, state, reads) for (span, reads), state in zip(wanted, states, strict=True)]
    expected.insert(3, hole)
    assert backfilled(flow, is_dry_run=True) == expected
    with store_of(flow) as store:
        assert len(store.runs()) == 1  # a dry run runs nothing
    code, out = call(flow, "backfill", flow.file, "--from", "2013-01", "--to", "2013-06", "-o", "json")
    found = [(item["as_of"], item["state"], item["reads"]) for item in json.loads(out)["spans"]]
    assert code == 1 and "2013-04 is missing in the source (ingest)" in messages(flow)
    assert found == [(span, "succeeded" if state == "missing" else state, reads) for span, state, reads in expected]
    assert counted(flow) == {"2013-01": 1, "2013-02": 3, "2013-03": 6, "2013-05": 10, None: 14}
    again = backfilled(flow)
    assert {state for _, state, _ in again} == {"ran before", "missing in the source"}
    code, out = call(flow, "backfill", flow.file, "--from", "2013-01", "--to", "2013-03")
    assert code == 0 and out.count("ran before") == 3


def test_a_backfill_for_workers(flow):
    """Queued at once, each as of its end; a second backfill finds them queued; a worker runs them."""
    assert {state for _, state, _ in backfilled(flow, last="2013-03", is_queued=True)} == {"queued"}
    assert {state for _, state, _ in backfilled(flow, last="2013-03", is_queued=True)} == {"ran before"}
    with store_of(flow) as store:
        assert [run.state for run in store.runs()] == ["queued"] * 3
        assert store.events(store.runs()[0].run_id)[0].body["trigger"] == {"by": "backfill", "why": ["as of 2013-03"]}
    assert call(flow, "worker", "--once")[0] == 0
    with store_of(flow) as store:
        assert [run.state for run in store.runs()] == ["succeeded"] * 3


def test_a_model_of_the_past_is_not_pushed(project, prepared):
    """After three months are served, a backfill makes the models of one and two, and the endpoint stays as it is."""
    months = prepared(project)
    plan = plan_pipeline(project.pipeline(), {}, as_of="02")
    assert actions(plan)["push"] == "looked up" and reasons(plan)["push"] == ["as of 02: nothing is pushed"]
    assert plan.resolved["champion"] == {"digest": None, "version": None}  # version 1 was made of later data
    assert [push.version for push in plan.pushes] == [None]
    found = backfilled(project, "01", "03")
    assert [(span, state) for span, state, _ in found] == [
        ("01", "succeeded"),
        ("02", "succeeded"),
        ("03", "ran before"),
    ]
    with store_of(project) as store:
        assert [(one.name, one.version) for one in store.endpoints()] == [("late", 1)]
        assert len(store.moves("late")) == 1
        second, first, _ = store.runs()
        data = {row.step: row.outputs for row in store.attempts(first.run_id)}["validate"]["accepted"].digest
        assert second.resolved["previous"]["digest"] == data  # oldest first: each is compared with the one before
    months.deliver("04", month(4))
    assert months.run().ok  # and the next push is compared with what is served
    with store_of(project) as store:
        assert [one.version for one in store.endpoints()] == [2]
        run = store.runs(limit=1)[0]
        assert run.resolved["champion"]["version"] == 1
    later = plan_pipeline(project.pipeline(), {}, as_of="04")
    assert later.resolved["champion"]["version"] == 1
    with pytest.raises(Misuse, match="previous of each run is what the run before it accepts"):
        backfilled(project, "01", "04", is_queued=True)
    assert states(run_pipeline(project.pipeline(), {}, in_process=True, as_of="02"))["train"] == "cached"


def test_what_cannot_be_backfilled(flow):
    """No spans, ends the wrong way round, a span nobody knows: one clear error each, and nothing is run."""
    with pytest.raises(InvalidInput, match="comes after"):
        backfilled(flow, "2013-06", "2013-01")
    assert call(flow, "run", flow.file, "--as-of", "2013-04")[0] == 2
    assert "no span named '2013-04'" in messages(flow)
    assert [state for _, state, _ in backfilled(flow, "spring", "summer")] == ["missing in the source"] * 2
    flow.write(FLOW.replace("{span}", "*").replace('spans="last 3", ', ""))
    for refused in (
        lambda: backfilled(flow, "2013-01", "2013-02"),
        lambda: run_pipeline(flow.pipeline(), {}, in_process=True, as_of="2013-01"),
    ):
        with pytest.raises(HeadraceError, match="reads no spans"):
            refused()
    with store_of(flow) as store:
        assert store is None or store.runs() == []


def test_a_source_that_lacks_a_span(flow):
    """Of two sources, the one without it is named."""
    flow.write(FLOW.replace("count(hr", 'count(hr.ingest("more/{span}.parquet"))\n        count(hr'))
    (flow.folder / "more").mkdir()
    pq.write_table(pa.table({"id": [1]}), flow.folder / "more" / "2013-01.parquet")
    ends, missing = ends_of(flow.pipeline(), {}, None, first="2013-01", last="2013-02")
    assert ends == ["2013-01", "2013-02"] and missing == {"2013-02": "ingest"}


def test_a_data_base_as_of(tmp_path):
    """Spans that are told apart by their rows have a past too."""
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(str(tmp_path / "rows.duckdb")) as connection:
        connection.execute("CREATE TABLE events AS SELECT range AS id, 'd' || (range // 10) AS day FROM range(40)")
    source = hr.DuckDB("rows.duckdb", query="SELECT * FROM events", span_by="day", base=str(tmp_path))
    assert all_spans(source) == ["d0", "d1", "d2", "d3"]
    found = resolve_spans(source, "last 2", as_of="d2")
    assert [item.name for item in found] == ["d1", "d2"]
    assert [item.digest for item in found] == [item.digest for item in resolve_spans(source, ["d1", "d2"])]


def test_a_stream_as_of(project):
    """Its closed spans are those up to that one; a span that is not closed is not there."""
    from headrace.testing.stream_cases import events
    from tests.orchestration.test_streams import FLOW as STREAM
    from tests.orchestration.test_streams import append, take_in

    project.write(STREAM)
    append(project, events(0, 80))
    take_in(project)
    whole = project.pipeline().plan()
    names = [span["name"] for span in whole.resolved["ingest"]["spans"]]
    assert names == ["2013-01-03", "2013-01-04"]
    plan = plan_pipeline(project.pipeline(), {}, as_of="2013-01-02")
    assert [span["name"] for span in plan.resolved["ingest"]["spans"]] == ["2013-01-01", "2013-01-02"]
    with pytest.raises(UnknownName, match="no span named '2013-01-09'"):
        plan_pipeline(project.pipeline(), {}, as_of="2013-01-09")


def test_what_lies_between():
    """Months over years, days over months, numbers with and without leading zeros; else nobody knows."""
    assert len(expected_between("2010-01", "2013-12")) == 48
    assert len(expected_between("2012-01-01", "2012-12-31")) == 366
    assert expected_between("d098", "d101") == ["d098", "d099", "d100", "d101"]
    assert expected_between("9", "11") == ["9", "10", "11"]
    assert expected_between("2013-13-01", "a") is None
    with pytest.raises(InvalidInput, match="spans from the first to the last"):
        expected_between("0", "1000000000")

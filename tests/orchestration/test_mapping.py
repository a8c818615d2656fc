"""`hr.each`: a step becomes an instance a span or item, each with its own key; who gathers waits for all of them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.errors import Misuse
from headrace.orchestration.mapping import _labels
from headrace.orchestration.runner import resume_run, run_pipeline
from headrace.orchestration.values import load_value
from headrace.settings import load_settings
from tests.orchestration.processes import call, store_of
from tests.orchestration.small import actions, states

FLOW = """
    from pathlib import Path
    from typing import NamedTuple
    HERE = Path(__file__).parent

    class Found(NamedTuple):
        rows: int
        name: str

    @hr.step
    def count(data: hr.Dataset, factor: int = 1) -> Found:
        if (HERE / "bad").exists() and data.spans[0].name == "2013-02": raise ValueError("a bad month")
        with (HERE / "marks").open("a") as file:
            file.write(f"{data.spans[0].name} {len(data.spans)} {data.roles.label}\\n")
        return Found(data.num_rows * factor, data.spans[0].name)

    @hr.step
    def square(number: int) -> int:
        return number ** 2

    @hr.step
    def total(numbers: list, names: list) -> dict:
        return {"total": sum(numbers), "names": names}

    @hr.pipeline
    def flow(factor: int = 1):
        raw = hr.ingest("data/{span}.parquet", spans="last 3", key=["id"], label="late")
        counts = hr.each(count, over=raw, factor=factor)
        total(hr.each(square, over=counts.rows), counts.name)
"""
INSTANCES = [f"{step}[2013-0{number}]" for step in ("count", "square") for number in (1, 2, 3)]


def deliver(project, number):
    """A month arrives: month n has n rows."""
    (project.folder / "data").mkdir(exist_ok=True)
    table = pa.table({"id": list(range(number)), "late": [True] * number})
    pq.write_table(table, project.folder / "data" / f"2013-0{number}.parquet")


@pytest.fixture
def flow(project):
    """A project with three months."""
    for number in (1, 2, 3):
        deliver(project, number)
    return project.write(FLOW)


def run(project, **parameters):
    """A run, in this process."""
    return run_pipeline(project.pipeline(), parameters, in_process=True)


def totalled(project):
    """What the newest run gathered."""
    with store_of(project) as store:
        row = store.attempts(store.runs(limit=1)[0].run_id, "total")[-1]
        return load_value(store, row.outputs["output"].digest)


def marks(project):
    """What the instances that really ran were given."""
    return sorted((project.folder / "marks").read_text().splitlines())


def test_an_instance_a_span(flow):
    """Each is given a data set of its span, with its roles; the next month runs one instance, the others are known."""
    result = run(flow)
    assert result.ok and [name for name in states(result) if name.endswith("]") and "ingest" not in name] == INSTANCES
    assert totalled(flow) == {"total": 1 + 4 + 9, "names": ["2013-01", "2013-02", "2013-03"]}
    assert marks(flow) == [f"2013-0{number} 1 late" for number in (1, 2, 3)]
    with store_of(flow) as store:
        rows = {row.step: row for row in store.attempts(result.run_id)}
        assert len({rows[name].key for name in INSTANCES}) == 6
    assert set(actions(flow.pipeline().plan()).values()) == {"cached"}
    deliver(flow, 4)
    planned = actions(flow.pipeline().plan())
    assert planned["count[2013-03]"] == planned["square[2013-02]"] == "cached" and planned["total"] != "cached"
    assert run(flow).ok and marks(flow)[3:] == ["2013-04 1 late"]
    assert totalled(flow) == {"total": 4 + 9 + 16, "names": ["2013-02", "2013-03", "2013-04"]}
    assert run(flow, factor=2).ok and len(marks(flow)) == 7  # a parameter is in every instance's key


@pytest.mark.slow
def test_up_names_the_span_alone(flow):
    """What a new month changes is that it arrived; instances have logs and rows of their own."""
    assert call(flow, "up", "--once", "-o", "json")[0] == 0
    deliver(flow, 4)
    code, out = call(flow, "up", "--once", "-o", "json")
    (told,) = json.loads(out)["pipelines"]
    assert (code, told["why"]) == (0, ["span 2013-04 arrived"])
    code, out = call(flow, "status", "@last")
    assert code == 0 and "count[2013-04]" in out and "succeeded" in out
    assert call(flow, "logs", "@last", "count[2013-04]")[0] == 0


def test_one_instance_fails(flow):
    """The others end, who gathers is blocked, and a resumed run does that instance and no other again."""
    (flow.folder / "bad").write_text("")
    result = run(flow)
    found = states(result)
    assert (found["count[2013-01]"], found["count[2013-02]"], found["total"]) == ("succeeded", "failed", "blocked")
    assert (found["square[2013-03]"], found["square[2013-02]"]) == ("succeeded", "blocked")
    (flow.folder / "bad").unlink()
    with store_of(flow) as store:
        row = store.run(result.run_id)
    from headrace.store import Store

    with Store.open(flow.folder / ".headrace") as store:
        again = resume_run(flow.pipeline(), row, store, load_settings(flow.folder))
    assert again.ok and len(marks(flow)) == 3 and totalled(flow)["total"] == 14


LISTS = """
    @hr.step
    def report(slice: dict, size: int) -> str:
        return f"{slice['carrier']} {size}"

    @hr.step
    def size(of: str) -> int:
        return len(of)

    @hr.step
    def join(texts: list) -> str:
        return ", ".join(texts)

    @hr.pipeline
    def flow():
        slices = [{"carrier": "AA"}, {"carrier": "B/6", "hour": 6}]
        join(hr.each(report, over=slices, size=size("four")))
        join([*(["x"]), *["y"]])
        hr.each(size, over=[join(["a"]), "bb"])
"""


def test_an_instance_an_item(project):
    """Declared slices, and lists that hold handles; their names say what they are."""
    project.write(LISTS)
    result = run(project)
    assert result.ok and list(states(result)) == [
        "size",
        "report[carrier=AA]",
        "report[carrier=B_6_hour=6]",
        "join",
        "join_2",
        "join_3",
        "size_2[1]",
        "size_2[bb]",
    ]
    with store_of(project) as store:
        rows = {row.step: row for row in store.attempts(result.run_id)}
        assert load_value(store, rows["join"].outputs["output"].digest) == "AA 4, B/6 4"


def test_workers_and_exporters_know_instances(flow):
    """A worker runs them by the record alone; another orchestrator's task of the step does all of them."""
    assert call(flow, "run", flow.file, "--detach")[0] == 0 and call(flow, "worker", "--once")[0] == 0
    assert totalled(flow)["total"] == 14
    from headrace.orchestration.external import tasks_of

    graph = flow.pipeline().trace()
    assert [(node.name, needs) for node, needs in tasks_of(graph)] == [
        ("ingest", ()),
        ("count", ("ingest",)),
        ("square", ("count",)),
        ("total", ("square", "count")),
    ]


def test_another_orchestrator_does_all_instances(flow):
    """Its task of a mapped step does every instance, and the run comes out as one in one piece."""
    from headrace.orchestration.external import begin_run, end_run, run_step
    from headrace.store import Store

    settings = load_settings(flow.folder)
    with Store.open(settings.home, lease_s=settings.lease_s) as store:
        run_id = begin_run(flow.pipeline(), {}, "monday", store)
        for step in ("ingest", "count", "square", "total"):
            done = run_step(run_id, step, store, settings, flow.folder)
            assert done.ok and (step != "square" or list(done.steps) == INSTANCES[3:])
        assert end_run(run_id, store, settings, flow.folder).state == "succeeded"
    assert totalled(flow)["total"] == 14
    assert set(actions(flow.pipeline().plan()).values()) == {"cached"}


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("hr.each(len, over=[1])", "expected a function with @hr.step, not called"),
        ("hr.each(square, over=[])", "is empty"),
        ("hr.each(square, over=3)", "over of hr.each is an int"),
        ("hr.each(square, over=square(1))", "how many parts it has is not known when a run is planned"),
        ("hr.each(square, over=[1], number=2)", "is given 'number'"),
        ("hr.each(square, over=[1], other=2)", "other"),
        ("hr.analyze(hr.each(square, over=[1]))", r"a list of value \(square.output\): hr.each gives a list"),
        ("hr.approval(hr.each(square, over=[1]))", "hr.each gives a list"),
        ("hr.approval(square(1), evidence=[hr.each(square, over=[1])])", "evidence of hr.approval is a list of value"),
    ],
)
def test_what_cannot_be_mapped(project, body, match):
    """One clear error, at the user's line."""
    project.write(FLOW.replace('raw = hr.ingest("data', f'{body}\n        raw = hr.ingest("data'))
    with pytest.raises(Misuse, match=match) as caught:
        project.pipeline().trace()
    assert project.line(body) in str(caught.value)


def test_outside_a_pipeline():
    """It is a loop: over the spans of a data set, or a list; results come in order."""

    data = hr.Dataset.from_arrow(pa.table({"id": [1, 2, 3]}))
    assert hr.each(rows, over=data) == [3] and hr.each(rows, over=[data, data]) == [3, 3]
    with pytest.raises(Misuse, match=r"over of hr\.each is a str"):
        hr.each(rows, over="ab")


@hr.step
def rows(data: hr.Dataset) -> int:
    """How many rows."""
    return data.num_rows


def test_names_of_instances():
    """Each is a name once, whatever the items say."""
    assert _labels(["a/b", "a b", "a_b", True, None, 1.5, {}, {"x": None}, "x" * 99]) == [
        "a_b",
        "a_b_2",
        "a_b_3",
        "True",
        "5",
        "1.5",
        "7",
        "8",
        "x" * 60,
    ]

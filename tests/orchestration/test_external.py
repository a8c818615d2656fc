"""Runs in pieces: another orchestrator starts each step, and what comes out is what `headrace run` makes."""

import json

import pytest

from headrace.errors import StoreBusy, UnknownName
from headrace.orchestration.external import begin_run, end_run, run_step, tasks_of
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.processes import start

FLOW = """
    @hr.step
    def make(n: int) -> list:
        return list(range(n))

    @hr.step
    def double(values: list) -> list:
        if len(values) > 8:
            raise ValueError("too many")
        return [2 * value for value in values]

    @hr.step
    def total(values: list) -> int:
        return sum(values)

    @hr.pipeline
    def flow(n: int = 4):
        total(double(make(n)))
"""


@pytest.fixture
def opened(project):
    """The pipeline, an open store, and the two more that running a step needs."""
    pipeline = project.write(FLOW).pipeline()
    settings = load_settings(project.folder)
    with Store.open(settings.home, lease_s=settings.lease_s) as store:
        yield pipeline, store, settings, project.folder


def test_a_run_in_pieces_makes_what_a_run_makes(opened):
    """Begun, each step, ended: the same outputs as a run in one piece, from then on cached for both."""
    pipeline, store, settings, folder = opened
    run_id = begin_run(pipeline, {}, "monday", store)
    for step in ("make", "double", "total"):
        assert run_step(run_id, step, store, settings, folder).ok
        assert store.run(run_id).state == "queued"
    assert end_run(run_id, store, settings, folder).state == store.run(run_id).state == "succeeded"
    whole = pipeline.run()
    assert {item.state for item in whole.steps.values()} == {"cached"} and whole.value("total") == 12
    again = begin_run(pipeline, {}, "tuesday", store)
    assert run_step(again, "make", store, settings, folder).steps["make"].state == "cached"


def test_begun_twice_is_begun_once(opened):
    """A task that is tried again finds the run it made; another name, and another pipeline's, is another run."""
    pipeline, store, _, _ = opened
    first = begin_run(pipeline, {}, "monday", store)
    assert begin_run(pipeline, {"n": 7}, "monday", store) == first
    assert begin_run(pipeline, {}, "tuesday", store) != first
    assert len(store.runs()) == 2 and store.run(first).plan["parameters"] == {"n": 4}


def test_a_step_waits_for_what_it_needs_and_fails_without(opened):
    """A step whose input nobody has made says so; one that crashed is tried again when it is started again."""
    pipeline, store, settings, folder = opened
    run_id = begin_run(pipeline, {"n": 9}, "monday", store)
    early = run_step(run_id, "double", store, settings, folder)
    assert not early.ok and early.steps["double"].state == "not run"
    assert run_step(run_id, "make", store, settings, folder).ok
    for _ in range(2):
        assert run_step(run_id, "double", store, settings, folder).steps["double"].state == "failed"
    assert [row.state for row in store.attempts(run_id, "double")] == ["failed", "failed"]
    ended = end_run(run_id, store, settings, folder)
    assert ended.state == "failed"
    assert {name: item.state for name, item in ended.steps.items()} == {
        "make": "succeeded",
        "double": "failed",
        "total": "blocked",
    }
    assert end_run(run_id, store, settings, folder).state == "failed"
    with pytest.raises(StoreBusy, match="is failed"):
        run_step(run_id, "total", store, settings, folder)


def test_a_step_that_was_never_begun_is_no_success(opened):
    """A run whose orchestrator left a step out has failed, and says which."""
    pipeline, store, settings, folder = opened
    run_id = begin_run(pipeline, {}, "monday", store)
    assert run_step(run_id, "make", store, settings, folder).ok
    ended = end_run(run_id, store, settings, folder)
    assert ended.state == "failed" and ended.steps["double"].state == "not run"


def test_an_unknown_step_is_answered_with_the_nearest(opened):
    """A typo in a task is no silent success."""
    pipeline, store, settings, folder = opened
    run_id = begin_run(pipeline, {}, "monday", store)
    with pytest.raises(UnknownName, match="did you mean 'double'"):
        run_step(run_id, "duoble", store, settings, folder)


def test_what_is_looked_up_is_no_task(project):
    """Another orchestrator starts what has work to do, in an order it can run in."""
    pipeline = project.write(
        """
        @hr.pipeline
        def flow():
            raw = hr.ingest("{span}.parquet", label="y")
            hr.validate(raw, hr.infer_schema(hr.analyze(raw)), previous=hr.previous(raw))
        """
    ).pipeline()
    assert [(node.name, needs) for node, needs in tasks_of(pipeline.trace())] == [
        ("ingest", ()),
        ("analyze", ("ingest",)),
        ("infer_schema", ("analyze",)),
        ("validate", ("ingest", "infer_schema")),
    ]


@pytest.mark.slow
def test_the_commands(project):
    """`step begin` prints the id, `step run` and `step end` answer with exit codes, side by side they wait."""
    project.write(FLOW)
    target = f"{project.file.name}:flow"
    begun = start(project, "step", "begin", target, "--name", "monday", "--to", "out/id")
    assert begun.wait(60) == 0
    run_id = (project.folder / "out" / "id").read_text()
    assert start(project, "step", "run", run_id, "make").wait(60) == 0
    both = [start(project, "step", "run", run_id, "double") for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert start(project, "step", "end", run_id).wait(60) == 1  # total was never begun
    with Store.open(project.folder / ".headrace", read_only=True) as store:
        assert store.run(run_id).state == "failed"
        assert [row.state for row in store.attempts(run_id, "double")].count("succeeded") == 1
        trigger = store.events(run_id)[0].body["trigger"]
    assert json.dumps(trigger) == '{"external": "monday"}'

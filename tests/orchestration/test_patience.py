"""Patience: waits between tries grow, are recorded, survive a kill, and hold up nothing else."""

import json
import signal
import time

import pytest

import headrace as hr
from headrace.errors import InvalidInput
from headrace.orchestration.patience import LONGEST_S, Patience, wait_before
from headrace.orchestration.runner import run_pipeline
from headrace.orchestration.tracing import Node
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.processes import call, messages, start, store_of, wait_until

FLOW = """
    import time
    from pathlib import Path
    HERE = Path(__file__).parent

    @hr.step(retries=RETRIES, backoff_s=WAIT)
    def flaky(n: int) -> int:
        with (HERE / "tries").open("a") as file:
            file.write(f"{time.time()}\\n")
        if not (HERE / "well").exists():
            raise RuntimeError("away")
        return n

    @hr.step
    def apart(n: int) -> int:
        return n + 1

    @hr.step
    def after(n: int) -> int:
        return n

    @hr.pipeline
    def flow(n: int = 1):
        after(flaky(n))
        apart(n)
"""


def written(project, *, retries, wait_s):
    """The pipeline with these numbers."""
    return project.write(FLOW.replace("RETRIES", str(retries)).replace("WAIT", str(wait_s)))


def tries(project):
    """When the step was tried, UTC epoch seconds."""
    file = project.folder / "tries"
    return [float(line) for line in file.read_text().splitlines()] if file.exists() else []


def node(**numbers):
    """A step of these numbers."""
    return Node("a", "m:a", {}, {"output": "value"}, **numbers)


def test_waits_grow_and_are_the_same_for_the_same_try():
    """Base times factor to the power, up to a tenth more that run, step and number decide, never above an hour."""
    patient = node(retries=9, backoff_s=10.0, backoff_factor=3.0)
    waits = [wait_before(patient, "run", number) for number in (1, 2, 3)]
    for wait, base in zip(waits, (10, 30, 90), strict=True):
        assert base <= wait <= 1.1 * base
    assert waits == [wait_before(patient, "run", number) for number in (1, 2, 3)]
    assert len({wait_before(patient, f"run {number}", 1) for number in range(50)}) == 50
    assert LONGEST_S <= wait_before(patient, "run", 100) <= 1.1 * LONGEST_S
    assert wait_before(node(), "run", 1) == 0


@pytest.mark.parametrize(
    "wrong", [{"retries": -1}, {"retries": 1.5}, {"backoff_s": -1}, {"backoff_factor": 0.5}, {"timeout_s": 0}]
)
def test_wrong_numbers_are_refused_at_their_line(wrong):
    """Each says what it may be, for a step and for a pipeline."""
    with pytest.raises(InvalidInput, match=r"test_patience.py, line.*expected a number from"):
        hr.step(**wrong)
    with pytest.raises(InvalidInput, match=r"test_patience.py, line.*expected a number from"):
        hr.pipeline(**wrong)
    with pytest.raises(InvalidInput):
        Patience(**wrong)


@hr.step(retries=0, timeout_s=5)
def own(values: int) -> int:
    """Says two things itself."""
    return values


@hr.pipeline(retries=2, backoff_s=7.5, backoff_factor=1.5, timeout_s=60)
def patient():
    """All its steps are patient."""
    data = hr.ingest("data.csv", label="y")
    hr.analyze(data)
    own(3)


def test_a_pipeline_says_it_for_all_its_steps():
    """Verbs get it, spans of an ingest too, and a step keeps what it says of its own; no key knows of any of it."""
    graph = patient.trace()
    told = {one.name: (one.retries, one.backoff_s, one.backoff_factor, one.timeout_s) for one in graph.nodes}
    assert told == {"ingest": (2, 7.5, 1.5, 60), "analyze": (2, 7.5, 1.5, 60), "own": (0, 7.5, 1.5, 5)}
    assert "retries" not in graph["analyze"].to_plain() and "backoff_s" not in graph["analyze"].to_plain()


def test_spans_are_as_patient_as_their_ingest(project):
    """What reads a span is what fails when a source is away."""
    (project.folder / "data").mkdir()
    (project.folder / "data" / "01.csv").write_text("id,y\n1,0\n2,1\n")
    source = """
    @hr.pipeline(retries=3, backoff_s=4)
    def flow():
        hr.ingest("data/{span}.csv", label="y", key=["id"])
    """
    nodes = {one.name: one for one in project.write(source).pipeline().plan().graph.nodes}
    assert {name: (one.retries, one.backoff_s) for name, one in nodes.items()} == {
        "ingest[01]": (3, 4.0),
        "ingest": (3, 4.0),
    }


def test_it_waits_and_other_steps_go_on(project):
    """Each wait is as long as it should be at least, and recorded; what does not need the step is done meanwhile."""
    pipeline = written(project, retries=2, wait_s=0.4).pipeline()
    result = run_pipeline(pipeline, {}, in_process=True)
    assert {name: step.state for name, step in result.steps.items()} == {
        "flaky": "failed",
        "after": "blocked",
        "apart": "succeeded",
    }
    first, second, third = tries(project)
    assert second - first >= 0.4 and third - second >= 0.8
    with Store.open(load_settings(project.folder).home) as store:
        planned = [event.body for event in store.events(result.run_id) if event.kind == "retry-planned"]
        assert [(body["step"], body["number"], body["of"]) for body in planned] == [("flaky", 1, 2), ("flaky", 2, 2)]
        apart = store.attempts(result.run_id, "apart")[0]
        assert apart.ended_us < second * 1e6


@pytest.mark.slow
def test_killed_while_it_waits_the_rest_is_waited(project):
    """kill -9 of who coordinates the run: who goes on waits until the moment that was planned, and counts on."""
    written(project, retries=1, wait_s=20)
    process = start(project, "run", project.file.name)
    wait_until(lambda: (project.folder / ".headrace" / "metadata.db").exists(), "the store")
    with store_of(project) as store:
        event = wait_until(lambda: store.newest_event("retry-planned"), "the wait")
        process.kill()
        process.wait(30)
        assert store.run(event.run_id).state == "running"
        status = json.loads(call(project, "status", "@last", "-o", "json")[1])
        assert "it is tried again at" in status[0]["note"] and "(1 of 1)" in status[0]["note"]
        code, _ = call(project, "resume")
        assert code == 1, messages(project)
        _first, second = tries(project)
        assert second >= event.body["at_us"] / 1e6 - 0.05  # not at once
        ended = [row.ended_us for row in store.attempts(event.run_id, "flaky")]
        assert len(ended) == 2  # one retry in all, not one for each process
    assert "failed before; trying again in" in messages(project)


@pytest.mark.slow
def test_a_stop_ends_the_wait(project):
    """Ctrl-C while nothing runs and a step waits an hour: the run ends at once, and what is resumed later goes on."""
    written(project, retries=1, wait_s=3000)
    process = start(project, "run", project.file.name)
    wait_until(lambda: (project.folder / ".headrace" / "metadata.db").exists(), "the store")
    with store_of(project) as store:
        wait_until(lambda: store.newest_event("retry-planned"), "the wait")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, messages(project)
        (row,) = store.runs()
        assert row.state == "cancelled"
    (project.folder / "well").touch()
    began = time.time()
    assert call(project, "resume")[0] == 0, messages(project)  # it had ended: it begins anew
    assert len(tries(project)) == 2 and time.time() - began < 1000

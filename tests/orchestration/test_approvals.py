"""Approvals: a run waits for a person, whose answer is bound to digests; killed at any moment it loses nothing."""

import json
import time

import pytest

import headrace as hr
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.orchestration.approvals import answer, expire_due, subject_of, waiting_of, waiting_runs
from headrace.orchestration.crew import Crew
from headrace.orchestration.ending import ending
from headrace.orchestration.external import begin_run, end_run, run_step
from headrace.orchestration.run_record import run_record
from headrace.orchestration.runner import resume_run, run_pipeline
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.processes import call, messages, start, store_of, wait_until

FLOW = """
    from pathlib import Path
    HERE = Path(__file__).parent

    @hr.step
    def make(n: int) -> dict:
        return {"auc": n // 2}

    @hr.step
    def look(found: dict, style: str) -> str:
        return f"{style}: {found}"

    @hr.step
    def ship(found: dict) -> int:
        with (HERE / "shipped").open("a") as file:
            file.write("once\\n")
        return found["auc"]

    @hr.step
    def apart(n: int) -> int:
        return n + 1

    @hr.pipeline
    def flow(n: int = 8, style: str = "plain", question: str = "fair?"):
        made = make(n)
        seen = look(made, style)
        ship(hr.approval(made, question=question, evidence=[seen]))
        apart(n)
"""
YES = {"is_approved": True, "by": "Ann"}


def states(result):
    """Step -> state, and "no" for one that said it."""
    return {name: "no" if step.says_no else step.state for name, step in result.steps.items()}


def shipped(project):
    """How often the step behind the approval has run."""
    file = project.folder / "shipped"
    return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def opened(project):
    """The project with its pipeline, the pipeline, and its store."""
    pipeline = project.write(FLOW).pipeline()
    settings = load_settings(project.folder)
    with Store.open(settings.home, lease_s=settings.lease_s) as store:
        yield project, pipeline, store


def run(pipeline, **parameters):
    """Run it in this process."""
    return run_pipeline(pipeline, parameters, in_process=True)


def resume(project, pipeline, store, run_id):
    """Go on with a run."""
    return resume_run(pipeline, store.run(run_id), store, load_settings(project.folder))


def test_a_run_waits_and_all_else_goes_on(opened):
    """What needs the approval waits, the rest is done, the lease is given back, and the record says what is asked."""
    project, pipeline, store = opened
    result = run(pipeline)
    assert (result.state, result.ok) == ("waiting", False)
    assert states(result) == {
        "make": "succeeded",
        "look": "succeeded",
        "approval": "waiting",
        "ship": "not run",
        "apart": "succeeded",
    }
    assert (result.steps["approval"].reason, result.steps["ship"].reason) == ("fair?", "after approval")
    assert store.lease(result.run_id) is None and store.run(result.run_id).state == "waiting"
    (item,) = waiting_of(store, store.run(result.run_id))
    made, seen = (result.steps[name].outputs["output"] for name in ("make", "look"))
    assert item.about == {"thing": made, "evidence[0]": seen}
    assert (item.step, item.question, waiting_runs(store)) == ("approval", "fair?", [item])
    record = {step.name: step for step in run_record(store, store.run(result.run_id)).steps}
    assert (record["approval"].state, record["approval"].says) == ("waiting", ("fair?",))
    assert "waiting for a person's approval: fair?" in record["approval"].why
    assert resume(project, pipeline, store, result.run_id).state == "waiting" and shipped(project) == 0
    assert len(store.attempts(result.run_id, "approval")) == 1  # asked once


def test_an_answer_holds_for_these_digests_alone(opened):
    """An equal run finds the yes; another thing, other evidence or another question is asked about anew."""
    project, pipeline, store = opened
    result = run(pipeline)
    given = answer(store, result.run_id, because="looked at it", **YES)
    assert (given.step, given.by, given.because, given.is_approved) == ("approval", "Ann", "looked at it", True)
    assert store.run(result.run_id).state == "queued"
    done = resume(project, pipeline, store, result.run_id)
    assert states(done)["approval"] == states(done)["ship"] == "succeeded" and done.value("ship") == 4
    assert done.steps["approval"].outputs["approved"] == result.steps["make"].outputs["output"]
    assert done.steps["approval"].result["approval"]["by"] == "Ann"
    assert set(states(run(pipeline)).values()) == {"cached"}
    assert states(run(pipeline, n=9)) == {  # another parameter, the same digests
        "make": "succeeded",
        "look": "cached",
        "approval": "cached",
        "ship": "cached",
        "apart": "succeeded",
    }
    for other in ({"n": 10}, {"style": "bold"}, {"question": "cheap?"}):
        assert run(pipeline, **other).state == "waiting", other
    assert shipped(project) == 1


def test_an_answer_outlives_the_version_that_asked(opened, monkeypatch):
    """The step's key may change with headrace itself; whom the person approved has not."""
    _project, pipeline, store = opened
    first = run(pipeline)
    answer(store, first.run_id, **YES)
    monkeypatch.setattr("headrace.orchestration.planning.headrace_version", lambda: "another")
    second = run(pipeline)
    assert (second.state, states(second)["approval"]) == ("succeeded", "succeeded")


def test_a_no_is_a_result(opened):
    """It is committed, what needs it is blocked, an equal run says it again; a person may overrule it."""
    project, pipeline, store = opened
    result = run(pipeline)
    with pytest.raises(InvalidInput, match=r"a no without a reason.*--because"):
        answer(store, result.run_id, is_approved=False, by="Ann")
    answer(store, result.run_id, is_approved=False, by="Ann", because="unfair")
    done = resume(project, pipeline, store, result.run_id)
    assert (done.state, states(done)["approval"], states(done)["ship"]) == ("rejected", "no", "blocked")
    assert done.steps["approval"].result["items"] == ["rejected by Ann: unfair"]
    again = run(pipeline)
    assert (again.state, states(again)["approval"]) == ("rejected", "no")
    assert "approved" not in again.steps["approval"].outputs and shipped(project) == 0
    with pytest.raises(InvalidInput, match=r"rejected by Ann already: unfair.*--overrule"):
        answer(store, again.run_id, **YES)
    answer(store, again.run_id, is_overruling=True, **YES)
    assert store.run(again.run_id).state == "queued"
    assert resume(project, pipeline, store, again.run_id).ok and shipped(project) == 1
    assert [row.is_approved for row in store.approvals()] == [True, False]


def test_a_wrong_answer_is_one_clear_error(opened):
    """Twice, for a step that does not wait or does not exist, by nobody, or about what has changed meanwhile."""
    _, pipeline, store = opened
    result = run(pipeline)
    run_id = result.run_id
    with pytest.raises(UnknownName, match=r"no approval named 'aproval'.*did you mean 'approval'"):
        answer(store, run_id, "aproval", **YES)
    with pytest.raises(UnknownName, match="there are: approval"):
        answer(store, run_id, "make", **YES)
    with pytest.raises(InvalidInput, match="--by PERSON"):
        answer(store, run_id, is_approved=True, by=" ")
    with pytest.raises(InvalidInput, match="asks about something else by now"):
        answer(store, run_id, subject="0" * 64, **YES)
    answer(store, run_id, **YES)
    with pytest.raises(InvalidInput, match="approved by Ann already"):
        answer(store, run_id, **YES)
    with pytest.raises(InvalidInput, match="approved by Ann already"):
        answer(store, run_id, is_approved=False, by="Bob", because="no")
    stopped = run(pipeline, n=20).run_id
    assert store.request_cancel(stopped) == "cancelled"
    with pytest.raises(InvalidInput, match="was cancelled: nothing of it waits"):
        answer(store, stopped, **YES)
    assert len(store.approvals()) == 1


def test_two_questions_of_one_run(project):
    """Each is answered for itself; one answer lets what needs it alone go on; both must be named."""
    source = FLOW.replace("ship(hr.approval(made", "hr.approval(seen)\n        ship(hr.approval(made")
    pipeline = project.write(source).pipeline()
    result = run(pipeline)
    with Store.open(load_settings(project.folder).home) as store:
        with pytest.raises(InvalidInput, match=r"several steps.*approval, approval_2"):
            answer(store, result.run_id, **YES)
        answer(store, result.run_id, "approval_2", **YES)
        done = resume(project, pipeline, store, result.run_id)
        assert (done.state, states(done)["ship"], states(done)["approval"]) == ("waiting", "succeeded", "waiting")
        answer(store, result.run_id, **YES)
        assert resume(project, pipeline, store, result.run_id).ok


def test_what_failed_is_seen_to_first(project):
    """A run in which another step failed has failed; the answer is taken all the same, and holds when it goes on."""
    pipeline = project.write(FLOW.replace("return n + 1", 'return (HERE / "there").stat().st_mode')).pipeline()
    result = run(pipeline)
    assert (result.state, states(result)["approval"]) == ("failed", "waiting")
    with Store.open(load_settings(project.folder).home) as store:
        answer(store, result.run_id, **YES)
        assert store.run(result.run_id).state == "failed"
        (project.folder / "there").touch()
        assert resume(project, pipeline, store, result.run_id).ok


TIMED = FLOW.replace("question=question,", "question=question, timeout_s=patience,").replace(
    'question: str = "fair?"', 'question: str = "fair?", patience: float = 3.0'
)


def test_nobody_answers_in_time(project):
    """It is nobody's no: blocked behind it, "expired" in words; a new run asks anew, and a late yes overrules."""
    pipeline = project.write(TIMED).pipeline()
    result = run(pipeline)
    assert result.state == "waiting"
    with Store.open(load_settings(project.folder).home) as store:
        (item,) = waiting_of(store, store.run(result.run_id))
        assert item.until_us == item.asked_us + 3_000_000 and expire_due(store) == []
        wait_until(lambda: time.time_ns() // 1000 > item.until_us, "the time's end")
        with pytest.raises(InvalidInput, match=r"expired: nobody answered within 3 s.*headrace resume"):
            answer(store, result.run_id, **YES)
        assert expire_due(store) == [item] and expire_due(store) == []
        assert store.run(result.run_id).state == "queued" and waiting_runs(store) == []
        done = resume(project, pipeline, store, result.run_id)
        assert (done.state, states(done)["approval"], states(done)["ship"]) == ("rejected", "no", "blocked")
        assert done.steps["approval"].result["items"] == ["expired: nobody answered within 3 s"]
        (row,) = store.approvals()
        assert (row.is_expired, row.is_approved, row.by) == (True, False, "")
        record = {step.name: step for step in run_record(store, store.run(result.run_id)).steps}
        assert record["approval"].why == "it ran: nobody has answered in time"
        assert any("yes after all: headrace approve" in line for line in ending(store, store.run(result.run_id)))
        again = run(pipeline, patience=900.0)
        assert again.state == "waiting"
        with pytest.raises(InvalidInput, match="expired: nobody answered"):
            answer(store, result.run_id, **YES)
        answer(store, result.run_id, is_overruling=True, **YES)
        assert store.run(again.run_id).state == "queued"  # the same question: it has the answer too
        assert resume(project, pipeline, store, result.run_id).ok and shipped(project) == 1


@pytest.mark.slow
def test_time_is_over_while_other_steps_run(project):
    """The run itself notices, and ends in one go; so does a run that is resumed too late."""
    slow = TIMED.replace("return n + 1", "import time; time.sleep(6); return n + 1")
    pipeline = project.write(slow).pipeline()
    result = run_pipeline(pipeline, {})
    assert (result.state, states(result)["approval"], states(result)["apart"]) == ("rejected", "no", "succeeded")
    other = run(pipeline, n=10, patience=12.0)
    assert other.state == "waiting"
    time.sleep(12.0)
    with Store.open(load_settings(project.folder).home) as store:
        assert resume(project, pipeline, store, other.run_id).state == "rejected"
        assert [row.is_expired for row in store.approvals()] == [True, True]


@pytest.mark.parametrize("wrong", [0, -1.0, True, "1 h"])
def test_a_wrong_time_out(project, wrong):
    """It is found while the pipeline is read."""
    pipeline = project.write(TIMED.replace("timeout_s=patience", f"timeout_s={wrong!r}")).pipeline()
    with pytest.raises(InvalidInput, match="timeout_s="):
        pipeline.trace()


def test_a_verdict_gives_its_leave(prepared, project):
    """A person is asked about what the gate let through alone, and the push takes the approval for the verdict."""
    months = prepared(project)
    months.rewrite("hr.push(model, verdict,", "hr.push(model, hr.approval(verdict, evidence=[report]),")
    graph = project.pipeline().trace()
    assert str(graph["approval"].arguments["thing"]) == "gate.leave" and graph["approval"].outputs == {
        "approved": "verdict"
    }
    result = months.run()
    assert (result.state, states(result)["gate"]) == ("waiting", "succeeded")  # another plan has another champion
    with Store.open(load_settings(project.folder).home) as store:
        answer(store, result.run_id, **YES)
        done = resume(project, project.pipeline(), store, result.run_id)
        assert (done.state, done.value("push")) == ("succeeded", 1)
    months.rewrite("roc_auc >= 0.6", "roc_auc >= 0.9999")
    refused = months.run()
    assert (refused.state, states(refused)["gate"], states(refused)["approval"]) == ("rejected", "no", "blocked")


def test_only_a_handle_can_wait():
    """Outside a pipeline nobody is asked; a plain value is no thing to pass on."""
    with pytest.raises(Misuse, match="outside a pipeline asks nobody"):
        hr.approval({"auc": 1})
    with pytest.raises(Misuse, match=r"thing of hr.approval is the text 'x'"):
        text.trace()


@hr.pipeline
def text():
    """Wrong."""
    hr.approval("x")


def test_the_subject_is_of_digests_and_question():
    """Where a thing stands, and in which order evidence is named, is in it; what a run is called is not."""
    first = subject_of({"thing": {"@": "a"}, "question": "q", "evidence": [{"@": "b"}, {"@": "c"}]})
    assert first[1] == {"thing": "a", "evidence[0]": "b", "evidence[1]": "c"}
    assert first == subject_of({"thing": {"@": "a"}, "question": "q", "evidence": ({"@": "b"}, {"@": "c"})})
    others = [
        {"thing": {"@": "b"}, "question": "q", "evidence": [{"@": "b"}, {"@": "c"}]},
        {"thing": {"@": "a"}, "question": "Q", "evidence": [{"@": "b"}, {"@": "c"}]},
        {"thing": {"@": "a"}, "question": "q", "evidence": [{"@": "c"}, {"@": "b"}]},
        {"thing": {"@": "a"}, "question": "q", "evidence": []},
    ]
    assert len({first[0], *(subject_of(other)[0] for other in others)}) == 5


def test_a_plan_says_that_a_person_is_asked(opened):
    """Before, that a person will be; after a yes, that it is known."""
    _project, pipeline, store = opened
    result = run(pipeline)
    step = next(step for step in pipeline.plan().steps if step.name == "approval")
    assert (step.action, step.why) == ("will run", ("a person is asked",))
    answer(store, result.run_id, is_approved=False, by="Ann", because="no")
    step = next(step for step in pipeline.plan().steps if step.name == "approval")
    assert step.why == ("rejected by Ann",)


def test_a_run_in_pieces_waits_too(opened):
    """Steps that another orchestrator starts: the one that asks waits, and so does the run's end."""
    project, pipeline, store = opened
    settings = load_settings(project.folder)
    run_id = begin_run(pipeline, {}, "monday", store)
    for step in ("make", "look", "apart"):
        assert run_step(run_id, step, store, settings, project.folder).ok
    assert run_step(run_id, "approval", store, settings, project.folder).state == "waiting"
    assert end_run(run_id, store, settings, project.folder).state == "waiting" == store.run(run_id).state
    answer(store, run_id, **YES)
    assert run_step(run_id, "approval", store, settings, project.folder).ok
    assert run_step(run_id, "ship", store, settings, project.folder).ok
    assert end_run(run_id, store, settings, project.folder).state == "succeeded"


def test_a_run_that_is_looked_at_often_is_not_given_up(opened):
    """Resumed ten times before the person answers: nobody takes it for a run that kills who takes it."""
    project, pipeline, store = opened
    settings = load_settings(project.folder)
    run_id = run(pipeline).run_id
    for _ in range(10):
        store.take_run(run_id)
        assert store.rest_run(run_id)
    answer(store, run_id, **YES)
    crew = Crew(store, settings, project.folder)
    wait_until(lambda: (crew.turn(), store.run(run_id).state == "succeeded")[1], "the end of the run", 120)
    crew.close()
    assert shipped(project) == 1


@pytest.mark.slow
def test_the_command_line_waits_and_goes_on(project):
    """Exit code 3, what to type, approve, resume: as a person meets it."""
    project.write(FLOW)
    code, out = call(project, "run", project.file.name, "-o", "json")
    result = json.loads(out)
    assert (code, result["state"]) == (3, "waiting"), messages(project)
    assert f"headrace approve {result['run']} approval --by PERSON" in messages(project)
    assert f"headrace resume {result['run']}" in messages(project)
    code, out = call(project, "status")
    assert code == 0 and "waits at approval: fair?" in out and "waiting" in out
    assert call(project, "approve", "@last", "nothing")[0] == 2
    code, out = call(project, "approve", "--by", "Ann", "--because", "fine", "-o", "json")
    assert (code, json.loads(out)["state"]) == (0, "queued")
    assert call(project, "approve", "--by", "Ann")[0] == 2  # none waits
    assert call(project, "resume", "@last")[0] == 0 and shipped(project) == 1
    assert call(project, "run", project.file.name)[0] == 0 and shipped(project) == 1
    assert call(project, "run", project.file.name, "--set", "n=30")[0] == 3
    code, out = call(project, "reject", "--because", "no", "--resume", "-o", "json")
    assert (code, json.loads(out)["state"]) == (1, "rejected"), messages(project)


@pytest.mark.slow
def test_a_worker_goes_on_by_itself(project):
    """It ends a run as waiting, is there when the person answers, and finishes it; --once says 3."""
    project.write(FLOW)
    code, out = call(project, "run", "--detach", project.file.name)
    run_id = out.strip()
    assert code == 0 and call(project, "worker", "--once")[0] == 3, messages(project)
    start(project, "worker")
    with store_of(project) as store:
        wait_until(lambda: store.announced("worker"), "the worker")
        assert call(project, "approve", run_id, "--by", "Ann")[0] == 0
        assert "a worker goes on with the run" in messages(project)
        wait_until(lambda: store.run(run_id).state == "succeeded", "the end of the run", 120)
    assert shipped(project) == 1


@pytest.mark.slow
def test_a_worker_ends_what_nobody_answered(project):
    """`worker` notices by itself, and the run ends as one that said no; `worker --once` then exits with 1."""
    project.write(TIMED)
    assert call(project, "run", project.file.name)[0] == 3, messages(project)
    assert "waits at approval, until " in messages(project)
    with store_of(project) as store:
        (row,) = store.runs()
        worker = start(project, "worker")
        wait_until(lambda: store.run(row.run_id).state == "rejected", "the end of the run", 120)
    worker.terminate()
    worker.wait(60)
    assert call(project, "run", project.file.name, "--set", "n=30")[0] == 3
    time.sleep(3.1)
    assert call(project, "resume")[0] == 1, messages(project)


@pytest.mark.slow
def test_up_goes_on_by_itself(project):
    """`up --once` says 3 for a run that waits, starts no other while nothing changes, and finishes the answered one."""
    project.write(FLOW)
    assert call(project, "up", "--once")[0] == 3, messages(project)
    assert "waits for approval: headrace approve" in messages(project)
    assert call(project, "up", "--once")[0] == 3
    assert call(project, "approve", "--by", "Ann")[0] == 0
    assert call(project, "up", "--once")[0] == 0, messages(project)
    with store_of(project) as store:
        assert [row.state for row in store.runs()] == ["succeeded"]
    assert shipped(project) == 1


@pytest.mark.slow
def test_an_answer_during_the_run_is_heard(project):
    """While other steps still run the answer needs no queue: the run goes on to its end by itself."""
    wait = 'import time\n        while not (HERE / "go").exists(): time.sleep(0.01)\n        return n + 1'
    project.write(FLOW.replace("return n + 1", wait))
    process = start(project, "run", project.file.name)
    wait_until(lambda: (project.folder / ".headrace" / "metadata.db").exists(), "the store")
    with store_of(project) as store:
        wait_until(lambda: waiting_runs(store), "the question")
        (item,) = waiting_runs(store)
        given = answer(store, item.run_id, is_approved=True, by="Ann", subject=item.subject)
        assert given.subject == item.subject and store.run(item.run_id).state == "running"
        wait_until(lambda: shipped(project), "what was approved")
        (project.folder / "go").touch()
        assert process.wait(120) == 0
        assert store.run(item.run_id).state == "succeeded"


@pytest.mark.slow
@pytest.mark.parametrize("point", ["approval-asked", "run-waiting", "approval-answered"])
def test_killed_at_any_moment_nothing_is_lost(project, point):
    """kill -9 after the question, after the run's rest, after the answer: what was said stands, and is said once."""
    project.write(FLOW)
    code, _ = call(project, "run", project.file.name, HEADRACE_KILL_AT=point)
    assert code == (3 if point == "approval-answered" else -9), messages(project)
    with store_of(project) as store:
        (first,) = store.runs()
        assert first.state == ("running" if point == "approval-asked" else "waiting")
    if point == "approval-asked":
        assert call(project, "resume")[0] == 3
    code, _ = call(project, "approve", "--by", "Ann", HEADRACE_KILL_AT=point)
    assert code == (-9 if point == "approval-answered" else 0), messages(project)
    with store_of(project) as store:
        assert (store.run(first.run_id).state, len(store.approvals())) == ("queued", 1)
        assert len(store.attempts(first.run_id, "approval")) == 1
    assert call(project, "approve", first.run_id, "--by", "Bob")[0] == 2  # it was given
    assert call(project, "resume")[0] == 0, messages(project)
    assert shipped(project) == 1
    with store_of(project) as store:
        assert [row.state for row in store.attempts(first.run_id, "approval")] == ["waiting", "succeeded"]
        assert store.verify() == []

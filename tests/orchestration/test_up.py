"""`headrace up`: what changed runs, once; what said no waits for a change; a kill loses nothing and repeats nothing."""

import json
import time

import pytest

from headrace.orchestration.due import why_due
from headrace.orchestration.up import Up, _File, _Pipeline
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.processes import below, call, is_alive, messages, start, store_of, wait_until

FLOW = """
    import time
    from pathlib import Path
    HERE = Path(__file__).parent

    @hr.step(files=["data/*.txt"])
    def read() -> list:
        with (HERE / "marks").open("a") as file:
            file.write("read\\n")
        while (HERE / "hold").exists():
            time.sleep(0.01)
        return [file.read_text() for file in sorted((HERE / "data").glob("*.txt"))]

    @hr.step
    def count(texts: list) -> int:
        if "bad" in texts: raise ValueError("a bad text")
        return len(texts)

    @hr.pipelineSCHEDULE
    def flow(extra: int = 0):
        count(read())
"""
PLAIN = FLOW.replace("SCHEDULE", "")
DAILY = FLOW.replace("SCHEDULE", '(schedule="0 6 * * *", time_zone="Europe/Zurich")')
DAY_US = 86_400 * 1_000_000


@pytest.fixture
def flow(project):
    """A project whose pipeline reads one text."""
    (project.folder / "data").mkdir()
    arrive(project, "1")
    project.write(PLAIN)
    return project


def arrive(project, name, text="good"):
    """A file arrives, whole."""
    beside = project.folder / f"{name}.new"
    beside.write_text(text)
    beside.rename(project.folder / "data" / f"{name}.txt")


def once(project, *arguments):
    """`headrace up --once`: (exit code, the pipelines it tells of)."""
    code, out = call(project, "up", "--once", "-o", "json", *arguments)
    return code, json.loads(out)["pipelines"] if out else messages(project)


def runs(project):
    """The states of all runs, oldest first."""
    with store_of(project) as store:
        return [run.state for run in reversed(store.runs())]


def marks(project):
    """How often the step has begun."""
    file = project.folder / "marks"
    return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.mark.slow
def test_once(flow):
    """The first time it runs, then nothing has changed, then a new file makes it run; the code is that of a run."""
    code, (told,) = once(flow)
    assert (code, told["action"], told["state"], told["why"]) == (0, "run", "succeeded", ["it never ran"])
    assert once(flow)[1][0]["action"] == "unchanged"
    arrive(flow, "2")
    code, (told,) = once(flow, flow.file)
    assert (code, told["state"], told["why"]) == (0, "succeeded", ["data/2.txt changed"])
    assert runs(flow) == ["succeeded", "succeeded"] and marks(flow) == 2


@pytest.mark.slow
def test_what_went_wrong_is_not_repeated(flow):
    """A run that failed is left until something changes, or a person resumes it; the exit code says how it stands."""
    arrive(flow, "2", "bad")
    code, (told,) = once(flow)
    assert (code, told["state"]) == (1, "failed")
    code, (told,) = once(flow)
    assert (code, told["action"], told["state"]) == (1, "unchanged", "failed")
    flow.write(PLAIN.replace('raise ValueError("a bad text")', "pass"))
    assert call(flow, "resume")[0] == 0
    code, (told,) = once(flow)
    assert (code, told["action"], runs(flow)) == (0, "run", ["succeeded", "succeeded"])  # the code is another
    assert once(flow)[1][0]["action"] == "unchanged"


@pytest.mark.slow
def test_runs_with_other_parameters_are_others(flow):
    """What a person ran with --set says nothing about the world that up watches; a run by hand without does."""
    assert call(flow, "run", flow.file.name)[0] == 0
    assert once(flow)[1][0]["action"] == "unchanged"
    assert call(flow, "run", flow.file.name, "--set", "extra=1")[0] == 0
    assert once(flow)[1][0]["action"] == "unchanged"
    assert len(runs(flow)) == 2


@pytest.mark.slow
def test_a_pipeline_that_cannot_be_planned_stops_no_other(flow):
    """It is told with code 2; the others run. Two pipelines of one name are told apart by being refused."""
    (flow.folder / "broken.py").write_text("import headrace as hr\n1 / 0\n@hr.pipeline\ndef broken(): pass\n")
    (flow.folder / "other.py").write_text(
        "import headrace as hr\n@hr.step\ndef one() -> int: return 1\n@hr.pipeline\ndef other(): one()\n"
    )
    (flow.folder / "same.py").write_text((flow.folder / "other.py").read_text())
    code, told = once(flow)
    assert code == 2
    assert {row["pipeline"]: row.get("state") for row in told} == {"flow": "succeeded", "other": "succeeded"}
    assert "ZeroDivisionError" in messages(flow) and "has a pipeline of that name too" in messages(flow)
    assert "is the one that runs; rename one of them" in messages(flow)


@pytest.mark.slow
def test_usage(flow, tmp_path):
    """A file that is not there, a project without pipelines and one that cannot be read are code 2."""
    assert call(flow, "up", "nowhere.py")[0] == 2 and "no such file" in messages(flow)
    flow.file.write_text("import headrace as hr\n@hr.pipeline\ndef flow(:\n")
    assert once(flow) == (2, []) and "SyntaxError" in messages(flow)
    flow.file.unlink()
    assert call(flow, "up", "--once")[0] == 2 and "no file in" in messages(flow)


@pytest.mark.slow
def test_watching(flow):
    """New files, edits and mended files make it run; touching a file does not; SIGTERM ends it with 0."""
    up = start(flow, "up", "--no-web", "-o", "json", HEADRACE_POLL_S="0.1")
    wait_until(lambda: messages(flow) and "succeeded" in messages(flow), "the first run")
    flow.file.touch()
    arrive(flow, "2")
    wait_until(lambda: runs(flow) == ["succeeded"] * 2, "the second")
    flow.file.write_text(flow.file.read_text() + "\n1 / 0\n")
    wait_until(lambda: "ZeroDivisionError" in messages(flow), "the error")
    flow.file.write_text(flow.file.read_text().replace("1 / 0", "").replace("len(texts)", "len(texts) + 1"))
    wait_until(lambda: runs(flow) == ["succeeded"] * 3, "the third")
    assert f"{flow.file.name} can be imported again" in messages(flow)
    arrive(flow, "3", "bad")
    wait_until(lambda: runs(flow)[3:] == ["failed"], "the fourth")
    time.sleep(1)
    assert len(runs(flow)) == 4
    up.terminate()
    assert up.wait(30) == 0


@pytest.mark.slow
def test_one_up_a_project(flow):
    """The second names the first and ends with 4; a killed one holds nothing, though its children live on a moment."""
    (flow.folder / "hold").touch()
    first = start(flow, "up", "--no-web")
    wait_until(lambda: marks(flow), "the step")
    code, said = once(flow)
    assert code == 4 and f"`headrace up` runs already: process {first.pid} on" in said
    under = below(first.pid)
    first.kill()
    first.wait(30)
    (flow.folder / "hold").unlink()
    code, (told,) = once(flow)
    assert (code, told["state"], runs(flow)) == (0, "succeeded", ["succeeded"]), messages(flow)
    assert not any(map(is_alive, under))


@pytest.mark.slow
def test_killed_in_the_middle_it_goes_on_with_the_same_run(flow):
    """What is committed is not run again, the run is the same, and the next arrival is run after it."""
    flow.write(PLAIN.replace("return len(texts)", "time.sleep(60 * (HERE / 'slow').exists()); return len(texts)"))
    (flow.folder / "slow").touch()
    up = start(flow, "up", "--no-web")
    wait_until(lambda: "count: running" in messages(flow), "the second step")
    up.kill()
    up.wait(30)
    arrive(flow, "2")
    (flow.folder / "slow").unlink()
    code, (told,) = once(flow)
    assert (code, told["state"]) == (0, "succeeded")
    assert runs(flow) == ["succeeded"] * 2
    assert marks(flow) == 2  # once for each world
    with store_of(flow) as store:
        kinds = [event.kind for event in store.events(store.runs()[1].run_id)]
        assert kinds.count("run-created") == 1 and kinds.count("run-taken") == 2


@pytest.mark.slow
def test_stopped_in_the_middle_it_hands_back(flow):
    """SIGTERM lets the running step end; the run is queued again, and the next up finishes it."""
    (flow.folder / "hold").touch()
    up = start(flow, "up", "--no-web")
    wait_until(lambda: marks(flow), "the step")
    up.terminate()
    wait_until(lambda: "stopping when read has ended" in messages(flow), "up to say so")
    (flow.folder / "hold").unlink()
    assert up.wait(30) == 0
    assert runs(flow) == ["queued"]
    assert once(flow)[0] == 0 and runs(flow) == ["succeeded"] and marks(flow) == 1


@pytest.mark.slow
def test_workers_may_do_the_work(flow):
    """--no-execute queues and leaves the rest to a worker, however often it is asked."""
    for _ in range(2):
        assert once(flow, "--no-execute")[0] == 0
        assert runs(flow) == ["queued"]
    assert call(flow, "worker", "--once")[0] == 0
    assert once(flow, "--no-execute")[1][0]["action"] == "unchanged"
    assert runs(flow) == ["succeeded"]


def ticked(project, tick_us, schedule="0 6 * * *"):
    """Write down that a tick was seen."""
    with store_of(project) as store:
        body = {"pipeline": "flow", "schedule": schedule, "time_zone": "Europe/Zurich", "tick_us": tick_us}
        store.append_event("schedule-tick", body)


@pytest.mark.slow
def test_schedules(flow):
    """Seen first, it waits for its next tick; ticks that nobody saw count as one; what has not changed does not run."""
    flow.write(DAILY)
    code, (told,) = once(flow)
    assert (code, told["action"], runs(flow)) == (0, "scheduled", [])
    assert told["next_us"] > time.time() * 1e6
    ticked(flow, time.time_ns() // 1000 - 10 * DAY_US)
    code, (told,) = once(flow)
    assert (code, told["state"], told["why"]) == (0, "succeeded", ["it never ran"])
    assert once(flow)[1][0]["action"] == "scheduled" and runs(flow) == ["succeeded"]
    with store_of(flow) as store:
        tick = store.newest_event("schedule-tick")
        assert tick.run_id == store.runs()[0].run_id
        created = store.newest_event("run-created")
        assert created.body["trigger"]["tick_us"] == tick.body["tick_us"]
    ticked(flow, time.time_ns() // 1000 - 10 * DAY_US)
    assert once(flow)[1][0]["action"] == "unchanged" and runs(flow) == ["succeeded"]
    arrive(flow, "2")
    assert once(flow)[1][0]["action"] == "scheduled"  # that tick has been seen
    ticked(flow, time.time_ns() // 1000 - 10 * DAY_US)
    flow.write(DAILY.replace("0 6", "0 7"))
    assert once(flow)[1][0]["action"] == "scheduled" and runs(flow) == ["succeeded"]  # another schedule, seen first


@pytest.fixture
def idle(flow):
    """An Up over a store with nothing in it, and the plan of its pipeline as a look finds it."""
    settings = load_settings(flow.folder)
    with Store.open(settings.home) as store:
        told = []
        up = Up(store, settings, flow.folder, [flow.file.resolve()], crew=None, tell=told.append, once=True)
        yield up, store, told


def test_a_push_that_came_too_late_is_tried_again(idle):
    """A run that failed because the endpoint had moved is repeated once the plan knows where it is now."""
    _, store, _ = idle
    found = {"identity": "same", "resolved": {"push": {"expected_version": 2, "replaces": 1}}}
    run_id = store.create_run("flow", {}, resolved={"push": {"expected_version": 1}}, plan_id="same")
    store.fail(store.begin_attempt(run_id, "push", "k"), "champion moved")
    store.finish_run(run_id, "failed")
    assert why_due(store, found, store.run(run_id)) == ["push came too late: the endpoint has moved"]
    found["resolved"]["push"]["expected_version"] = 1
    assert why_due(store, found, store.run(run_id)) == []
    other = store.create_run("flow", {}, resolved={"push": {"expected_version": 1}}, plan_id="same")
    store.fail(store.begin_attempt(other, "count", "k"), "a bad text")
    store.finish_run(other, "failed")
    found["resolved"]["push"]["expected_version"] = 2
    assert why_due(store, found, store.run(other)) == []


@pytest.fixture
def pair(idle):
    """Two that watch one store, each with a pipeline as it found it; what each tells."""
    up, store, told = idle
    other, heard = Up(store, up.settings, up.project, list(up.files), crew=None, tell=[].append, once=True), []
    other.tell = heard.append
    for one in (up, other):
        one.files = {file: _File(file, seen=()) for file in one.files}
        found = {"identity": "a", "plan": {"steps": []}, "resolved": {}, "parameters": None, "schedule": None}
        one.pipelines["flow"] = _Pipeline("flow", next(iter(one.files)), found)
    return store, (up, told), (other, heard)


def decide(up):
    """Have it decide, as of now."""
    (pipeline,) = up.pipelines.values()
    file = up.files[pipeline.file]
    file.seen, file.after = (), up.store.newest_event_id()
    up._decide(pipeline, file)


def test_two_that_watch_start_one_run(pair):
    """Both have seen that it never ran; whoever is second starts the same run, which is one."""
    store, (up, _), (other, heard) = pair
    other._newest = lambda pipeline: None  # it looked before the first had queued
    decide(up)
    decide(other)
    (run,) = store.runs()
    assert heard[-1]["run"] == run.run_id
    assert [event.kind for event in store.events(run.run_id)] == ["run-created"]


def test_two_that_see_different_worlds_do_not_answer_each_other(pair):
    """One with older files queues once at most; then it says that another sees another world."""
    store, (up, told), (other, heard) = pair
    decide(up)
    decide(other)
    for run in store.runs():
        store.take_run(run.run_id)
        store.finish_run(run.run_id, "succeeded")
    decide(other)
    up.pipelines["flow"].found["identity"] = "b"  # the new code is here first
    decide(up)
    assert (len(store.runs()), told[-1]["event"]) == (2, "queued")
    store.take_run(store.runs()[0].run_id)
    store.finish_run(store.runs()[0].run_id, "succeeded")
    for _ in range(3):
        decide(other)
        decide(up)
    assert len(store.runs()) == 2 and "sees another world" in heard[-1]["error"]
    other.pipelines["flow"].found["identity"] = "b"  # and then there
    decide(other)
    assert (len(store.runs()), heard[-1]["event"]) == (2, "rests")

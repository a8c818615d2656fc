"""Workers: take runs from the queue and from the dead, share their steps, each step once; kill -9 loses nothing."""

import collections
import json
import os
import signal
from types import FunctionType

import pytest

from headrace.errors import Misuse
from headrace.orchestration import pipeline
from headrace.orchestration.crew import Crew
from headrace.orchestration.runner import submit_pipeline
from headrace.settings import load_settings
from headrace.store import Store
from tests.orchestration.processes import below, call, children, is_alive, messages, start, store_of, wait_until

FAN = """
    import os, time
    from pathlib import Path
    HERE = Path(__file__).parent

    def mark(name):
        with (HERE / "marks").open("a") as file:
            file.write(f"{name} {os.getppid()}\\n")
        while (HERE / f"hold-{name}").exists():
            time.sleep(0.01)

    @hr.step
    def seed(x: int) -> int:
        mark("seed")
        return x

    @hr.step(retries=RETRIES)
    def leaf(x: int, n: int) -> int:
        mark(f"leaf{n}")
        time.sleep(0.3)
        if (HERE / "fail").exists(): raise RuntimeError("as told")
        return x + n

    @hr.step
    def total(values: list) -> int:
        mark("total")
        return sum(values)

    @hr.pipeline
    def fan(width: int = 4, x: int = 0):
        first = seed(x)
        total([leaf(first, n) for n in range(width)])
""".replace("RETRIES", "0")


def marks(project):
    """Who began which step: (step, its zygote) in order."""
    file = project.folder / "marks"
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


def begun(project, name):
    """Whether a step has begun."""
    return any(step == name for step, _ in marks(project))


def hold(project, *names):
    """Make steps wait until they are let go."""
    for name in names:
        (project.folder / f"hold-{name}").touch()


def let_go(project, *names):
    """Let them."""
    for name in names:
        (project.folder / f"hold-{name}").unlink()


def succeeded(store, run_id):
    """How often each step of a run succeeded."""
    return collections.Counter(row.step for row in store.attempts(run_id) if row.state == "succeeded")


def submit(project, *arguments):
    """Queue a run; its id."""
    code, out = call(project, "run", "--detach", project.file.name, "-o", "json", *arguments)
    assert code == 0, messages(project)
    return json.loads(out)["run"]


@pytest.mark.slow
def test_a_submitted_run_waits_for_a_worker(project):
    """run --detach queues and returns; a worker carries it out; it says how it went and ends with the table's code."""
    project.write(FAN)
    run_id = submit(project)
    assert "`headrace worker` or `headrace up` takes it" in messages(project)
    assert json.loads(call(project, "status", "-o", "json")[1])[0]["state"] == "queued"
    code, out = call(project, "worker", "--once", "-o", "json")
    assert (code, json.loads(out)) == (0, {"run": run_id, "state": "succeeded"}), messages(project)
    with store_of(project) as store:
        assert set(succeeded(store, run_id).values()) == {1} and len(succeeded(store, run_id)) == 6
        assert store.announced("worker") == []
    (project.folder / "fail").touch()
    submit(project, "--set", "x=7")
    assert call(project, "worker", "--once")[0] == 1


@pytest.mark.slow
def test_a_worker_runs_what_was_planned_or_nothing(project):
    """Code that was edited after the plan is not run under the plan's keys: the run fails and says why."""
    project.write(FAN)
    run_id = submit(project)
    project.file.write_text(project.file.read_text().replace("x + n", "x - n"))
    assert call(project, "worker", "--once")[0] == 1
    assert "was edited while the run started" in messages(project)
    with store_of(project) as store:
        assert (store.run(run_id).state, marks(project)) == ("failed", [])


def test_a_pipeline_without_a_file_cannot_be_submitted():
    """A worker could not import its steps; the message says what to do instead."""
    typed = FunctionType(compile("def typed(): pass", "<stdin>", "exec").co_consts[0], {})
    with pytest.raises(Misuse, match=r"'typed' is in no file.*typed\.run"):
        submit_pipeline(pipeline(typed), {})


def test_a_run_that_kills_its_workers_is_given_up(project):
    """A run that was taken five times, with no step ended in between, fails instead of killing a sixth worker."""
    project.write(FAN)
    run_id = submit(project)
    settings = load_settings(project.folder)
    with Store.open(settings.home) as store:
        for _ in range(5):
            store.take_run(run_id)
            store.release_run(run_id)
        crew = Crew(store, settings, project.folder)
        crew.turn()
        assert (store.run(run_id).state, crew.coordinated) == ("failed", {})
        crew.close()


@pytest.mark.slow
def test_workers_share_the_steps_of_one_run(project):
    """Two workers with one place each begin the leaves of one run side by side; each step runs once."""
    project.write(FAN)
    leaves = [f"leaf{number}" for number in range(4)]
    hold(project, *leaves)
    workers = [start(project, "worker", "--workers", "1") for _ in range(2)] if submit(project) else []
    wait_until(lambda: sum(begun(project, leaf) for leaf in leaves) == 2, "a leaf in each worker", 120)
    let_go(project, *leaves)
    with store_of(project) as store:
        (run,) = store.runs()
        wait_until(lambda: store.run(run.run_id).state == "succeeded", "the run")
        assert set(succeeded(store, run.run_id).values()) == {1}
        assert {row.state for row in store.attempts(run.run_id)} == {"succeeded"}
    assert len({zygote for step, zygote in marks(project) if step.startswith("leaf")}) == 2, marks(project)
    for worker in workers:
        worker.terminate()
        worker.communicate(timeout=60)
        assert worker.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["coordinator", "helper"])
def test_a_killed_worker_s_steps_are_taken_again_at_once(project, victim):
    """kill -9 of either worker: the other goes on with the run; what was committed is not run again."""
    project.write(FAN)
    hold(project, "leaf0", "leaf1")
    run_id = submit(project)
    first = start(project, "worker", "--workers", "1")
    wait_until(lambda: begun(project, "leaf0"), "the first leaf")
    second = start(project, "worker", "--workers", "1")
    wait_until(lambda: begun(project, "leaf1"), "the helper's leaf")
    killed, other = (first, second) if victim == "coordinator" else (second, first)
    under = below(killed.pid)
    killed.kill()
    killed.wait(30)
    wait_until(lambda: not any(map(is_alive, under)), "its steps to die with it")
    let_go(project, "leaf0", "leaf1")
    with store_of(project) as store:
        wait_until(lambda: store.run(run_id).state == "succeeded", "the run")
        assert set(succeeded(store, run_id).values()) == {1}
        lost = [row.step for row in store.attempts(run_id) if row.state == "lost"]
    assert lost == ["leaf" if victim == "coordinator" else "leaf_2"]
    assert collections.Counter(step for step, _ in marks(project))["seed"] == 1
    other.terminate()
    other.wait(30)


@pytest.mark.slow
def test_a_worker_finishes_what_a_killed_runner_began(project):
    """`headrace run` is killed: a worker that lives takes its run over and finishes it."""
    project.write(FAN)
    hold(project, "leaf0", "leaf1")
    runner = start(project, "run", project.file.name)
    wait_until(lambda: begun(project, "leaf1"), "a leaf")
    runner.kill()
    runner.wait(30)
    let_go(project, "leaf0", "leaf1")
    assert call(project, "worker", "--once")[0] == 0, messages(project)
    with store_of(project) as store:
        (run,) = store.runs()
        assert run.state == "succeeded"
        assert set(succeeded(store, run.run_id).values()) == {1}


@pytest.mark.slow
def test_a_stopped_worker_hands_its_run_back(project):
    """SIGTERM lets the running step end and puts the run back into the queue; the next worker goes on."""
    project.write(FAN)
    hold(project, "seed")
    run_id = submit(project)
    worker = start(project, "worker")
    wait_until(lambda: begun(project, "seed"), "the first step")
    worker.terminate()
    wait_until(lambda: "stopping when seed has ended" in messages(project), "the worker to say so")
    let_go(project, "seed")
    assert worker.wait(30) == 0
    with store_of(project) as store:
        assert (store.run(run_id).state, store.lease(run_id)) == ("queued", None)
        assert [row.state for row in store.attempts(run_id)] == ["succeeded"]
    hold(project, "leaf0", "leaf1")
    worker = start(project, "worker")
    wait_until(lambda: begun(project, "leaf0"), "a leaf")
    worker.terminate()
    wait_until(lambda: messages(project).count("stopping when") == 2, "the worker to say so")
    worker.terminate()  # at once, now
    assert worker.wait(30) == 0
    let_go(project, "leaf0", "leaf1")
    assert call(project, "worker", "--once")[0] == 0
    with store_of(project) as store:
        assert store.run(run_id).state == "succeeded" and set(succeeded(store, run_id).values()) == {1}


@pytest.mark.slow
def test_a_killed_zygote_is_nobody_s_fault(project):
    """The process that forks steps is killed: the worker starts another, and the run goes on."""
    project.write(FAN)
    hold(project, "leaf0")
    run_id = submit(project)
    worker = start(project, "worker", "--once")
    wait_until(lambda: begun(project, "leaf0"), "a leaf")
    (zygote,) = [pid for pid in below(worker.pid) if children(pid)]
    os.kill(zygote, signal.SIGKILL)
    let_go(project, "leaf0")
    assert worker.wait(60) == 0, messages(project)
    with store_of(project) as store:
        assert store.run(run_id).state == "succeeded" and set(succeeded(store, run_id).values()) == {1}


@pytest.mark.slow
def test_what_fails_in_a_helper_is_retried_by_the_run(project):
    """Retries are counted by who coordinates, whoever's process the step failed in."""
    project.write(FAN.replace("retries=0", "retries=1"))
    (project.folder / "fail").touch()
    run_id = submit(project)
    first, second = (start(project, "worker", "--workers", "1", "--once") for _ in range(2))
    with store_of(project) as store:
        wait_until(lambda: store.run(run_id).state == "failed", "the run")
        tried = collections.Counter(row.step for row in store.attempts(run_id) if row.state == "failed")
    assert sorted(tried) == ["leaf", "leaf_2", "leaf_3", "leaf_4"] and set(tried.values()) == {2}
    assert {first.wait(30), second.wait(30)} == {0, 1}  # the code of a run is its coordinator's


@pytest.mark.slow
def test_cancelling(project):
    """A queued run is cancelled at once; a running one when its steps have ended, or now; resume goes on from there."""
    project.write(FAN)
    queued = submit(project)
    code, out = call(project, "cancel", queued, "-o", "json")
    assert (code, json.loads(out)["state"]) == (0, "cancelled")
    hold(project, "seed", "leaf0", "leaf1")
    run_id = submit(project)
    worker = start(project, "worker")
    wait_until(lambda: begun(project, "seed"), "the first step")
    asked = start(project, "cancel", run_id)
    wait_until(lambda: "stopping when seed has ended" in messages(project), "the worker to have heard")
    assert asked.poll() is None
    let_go(project, "seed")
    assert asked.wait(30) == 0
    with store_of(project) as store:
        assert store.run(run_id).state == "cancelled"
        assert [row.state for row in store.attempts(run_id)] == ["succeeded"]
    resumed = start(project, "resume", run_id)
    wait_until(lambda: begun(project, "leaf0"), "a leaf")
    assert call(project, "cancel", run_id, "--now")[0] == 0
    assert resumed.wait(30) == 130
    let_go(project, "leaf0", "leaf1")
    assert call(project, "resume", run_id)[0] == 0, messages(project)
    assert call(project, "cancel", run_id)[0] == 0
    assert f"run {run_id}: succeeded" in messages(project)
    worker.terminate()
    worker.wait(30)

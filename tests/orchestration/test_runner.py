"""Runs: what is known is not done again, what fails is told and stays resumable, a no is a result."""

import errno
import subprocess
import sys
import threading

import pytest

from headrace.errors import InvalidInput, Misuse, StepFailed, StoreError
from headrace.orchestration.runner import resume_run, run_pipeline
from headrace.settings import load_settings
from headrace.store import Store
from headrace.testing.faults import Faults

FLOW = """
    @hr.step
    def make(n: int) -> list:
        return list(range(n))

    @hr.step
    def double(values: list) -> list:
        return [2 * value for value in values]

    @hr.step
    def total(values: list, *, start: int = 0) -> int:
        print("adding", len(values))
        return sum(values) + start

    @hr.pipeline
    def flow(n: int = 4, start: int = 0):
        made = make(n)
        total(double(made), start=start)
        total(made, start=start)
"""


def states(result):
    """Step -> state."""
    return {name: step.state for name, step in result.steps.items()}


def test_runs_and_remembers(project):
    """A run gives values; the next takes all from the store; a parameter reruns only what it reaches."""
    pipeline = project.write(FLOW).pipeline()
    first = pipeline.run()
    assert (first.ok, first.value("total"), first.value("total_2")) == (True, 12, 6)
    assert set(states(first).values()) == {"succeeded"}
    second = pipeline.run()
    assert set(states(second).values()) == {"cached"}
    assert {name: step.outputs for name, step in second.steps.items()} == {
        name: step.outputs for name, step in first.steps.items()
    }
    third = pipeline.run(start=5)
    assert states(third) == {"make": "cached", "double": "cached", "total": "succeeded", "total_2": "succeeded"}
    assert (project.folder / ".headrace" / "logs" / first.run_id / "total.log").read_text() == "adding 4\n"


def test_early_cut_off(project):
    """A step whose code changed runs; when its output is what it was, nothing after it does."""
    project.write(FLOW).pipeline().run()
    project.write(FLOW.replace("list(range(n))", "[i for i in range(n)]"))
    assert states(project.pipeline().run()) == {
        "make": "succeeded",
        "double": "cached",
        "total": "cached",
        "total_2": "cached",
    }
    project.write(FLOW.replace("def make", "# a remark\n    def make"))
    project.pipeline().run()
    assert set(states(project.pipeline().run()).values()) == {"cached"}


def test_plan_says_what_would_run(project):
    """A plan names what is cached, what runs and what depends, and changes nothing."""
    pipeline = project.write(FLOW).pipeline()
    plan = pipeline.plan()
    assert [step.action for step in plan.steps] == ["will run"] * 4
    assert not (project.folder / ".headrace").exists()
    pipeline.run()
    assert [step.action for step in pipeline.plan().steps] == ["cached"] * 4
    assert [step.action for step in pipeline.plan(start=1).steps] == ["cached", "cached", "will run", "will run"]
    assert "total_2" in str(pipeline.plan())


FAILING = """
    import os
    from pathlib import Path
    HERE = Path(__file__).parent

    @hr.step
    def fine() -> int: return 1

    @hr.step
    def bad(x: int) -> int:
        print("about to fail")
        return inner(x)

    def inner(x):
        return 1 // (x - x)

    @hr.step
    def after(x: int) -> int: return x

    @hr.step
    def apart() -> int: return 2

    @hr.pipeline
    def flow():
        after(bad(fine()))
        apart()
"""


def test_a_failed_step_blocks_what_needs_it(project, capfd):
    """A step that raises is failed and not cached; what needs it is blocked, the rest runs; its traceback is shown."""
    pipeline = project.write(FAILING).pipeline()
    result = pipeline.run()
    assert (result.ok, result.state) == (False, "failed")
    assert states(result) == {"fine": "succeeded", "bad": "failed", "after": "blocked", "apart": "succeeded"}
    assert result.steps["bad"].reason == "ZeroDivisionError: integer division or modulo by zero"
    assert result.steps["after"].reason == "bad failed"
    told = capfd.readouterr().err
    assert "in inner" in told and "1 // (x - x)" in told
    assert "headrace/orchestration" not in told.replace(str(project.folder), "")
    log = (project.folder / ".headrace" / "logs" / result.run_id / "bad.log").read_text()
    assert log.startswith("about to fail\n") and "ZeroDivisionError" in log
    assert states(pipeline.run())["bad"] == "failed"


def test_resume_finishes_without_redoing(project):
    """Resuming a failed run runs what failed and what it blocked, and nothing that had succeeded."""
    pipeline = project.write(FAILING).pipeline()
    run_id = pipeline.run().run_id
    pipeline = project.write(FAILING.replace("x - x", "x")).pipeline()
    settings = load_settings(project.folder)
    with Store.open(settings.home) as store:
        result = resume_run(pipeline, store.run(run_id), store, settings)
        assert (result.ok, result.run_id) == (True, run_id)
        assert states(result) == {"fine": "cached", "bad": "succeeded", "after": "succeeded", "apart": "cached"}
        tries = [(row.step, row.state) for row in store.attempts(run_id)]
        assert tries.count(("fine", "succeeded")) == 1
        assert ("fine", "cached") not in tries
        assert store.run(run_id).state == "succeeded"


KILLED = """
    import os, signal
    from pathlib import Path

    @hr.step(retries=RETRIES)
    def die(folder: str) -> int:
        mark = Path(folder) / "tries"
        tries = len(mark.read_text()) if mark.exists() else 0
        mark.write_text("x" * (tries + 1))
        if tries < 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return tries

    @hr.pipeline
    def flow(folder: str):
        die(folder)
"""


@pytest.mark.parametrize(("retries", "state"), [(0, "failed"), (1, "failed"), (2, "succeeded")])
def test_retries_are_the_parents(project, retries, state):
    """A step whose process is killed is tried again as often as it asked for; without, the signal is the reason."""
    pipeline = project.write(KILLED.replace("RETRIES", str(retries))).pipeline()
    result = pipeline.run(folder=str(project.folder))
    assert result.steps["die"].state == state
    if state == "failed":
        assert "killed by SIGKILL" in result.steps["die"].reason
        assert len((project.folder / "tries").read_text()) == retries + 1
    else:
        assert result.value("die") == 2


def test_independent_steps_run_at_once(project):
    """Two steps that need nothing of each other wait for each other, and both come home."""
    pipeline = project.write("""
        import os, time
        @hr.step
        def meet(folder: str, mine: str, other: str) -> int:
            open(os.path.join(folder, mine), "w").close()
            for _ in range(2000):
                if os.path.exists(os.path.join(folder, other)):
                    return 1
                time.sleep(0.01)
            raise TimeoutError("nobody came")
        @hr.pipeline
        def flow(folder: str):
            meet(folder, "a", "b")
            meet(folder, "b", "a")
    """).pipeline()
    assert pipeline.run(folder=str(project.folder)).ok


def test_steps_inherit_no_thread(project):
    """A step's process starts with one thread, no standard input, a group of its own, and its imports done."""
    pipeline = project.write("""
        import os, sys, threading
        @hr.step
        def look() -> dict:
            return {
                "threads": len(os.listdir("/proc/self/task")),
                "group": os.getpgid(0) == os.getpid(),
                "input": sys.stdin.read(),
                "parent": open(f"/proc/{os.getppid()}/cmdline").read().split("\\0")[2],
            }
        @hr.pipeline
        def flow(): look()
    """).pipeline()
    seen = pipeline.run().value("look")
    assert seen == {"threads": 1, "group": True, "input": "", "parent": "headrace.orchestration.zygote"}


def test_a_file_that_starts_threads_is_refused(project):
    """An import that starts a thread is told before anything is forked; in one process it may."""
    pipeline = project.write("""
        import threading, time
        stop = threading.Event()
        threading.Thread(target=stop.wait, daemon=True).start()
        @hr.step
        def one() -> int: return 1
        @hr.pipeline
        def flow(): one()
    """).pipeline()
    with pytest.raises(StepFailed, match=r"has started 1 threads.*--in-process"):
        pipeline.run()
    assert run_pipeline(pipeline, {}, in_process=True).ok
    project.module().stop.set()


def test_in_process_is_the_same(project):
    """Run in this process, steps give the same digests and use the same cache."""
    pipeline = project.write(FLOW).pipeline()
    first = run_pipeline(pipeline, {}, in_process=True)
    assert set(states(first).values()) == {"succeeded"}
    assert set(states(pipeline.run()).values()) == {"cached"}


def test_what_a_step_may_not_return(project):
    """A result that cannot be kept is the step's failure, with what it may be."""
    pipeline = project.write("""
        @hr.step
        def odd(): return {1, 2}
        @hr.pipeline
        def flow(): odd()
    """).pipeline()
    reason = pipeline.run().steps["odd"].reason
    assert "a set was returned" in reason and "pyarrow.Table" in reason


def test_several_outputs_tables_and_none(project):
    """A NamedTuple gives its fields as outputs; tables and None travel too."""
    pipeline = project.write("""
        from typing import NamedTuple
        import pyarrow as pa
        class Halves(NamedTuple):
            low: pa.Table
            high: pa.Table
        @hr.step
        def split(n: int) -> Halves:
            table = pa.table({"x": list(range(n))})
            return Halves(table.slice(0, n // 2), table.slice(n // 2))
        @hr.step
        def count(table: pa.Table) -> int: return table.num_rows
        @hr.step
        def nothing(x) -> None: return None
        @hr.step
        def echo(x) -> dict: return {"x": x}
        @hr.pipeline
        def flow():
            halves = split(5)
            count(halves.high)
            echo(nothing(halves.low))
    """).pipeline()
    result = pipeline.run()
    assert (result.value("count"), result.value("echo")) == (3, {"x": None})
    assert list(result.steps["split"].outputs) == ["low", "high"]


def test_edited_while_it_starts(project):
    """Steps run the code that their keys are of: a helper edited after planning is noticed by the zygote."""
    (project.folder / "helper_of_edits.py").write_text("def f(): return 1\n")
    pipeline = project.write("""
        import helper_of_edits
        @hr.step
        def one() -> int: return helper_of_edits.f()
        @hr.pipeline
        def flow(): one()
    """).pipeline()
    from headrace.orchestration.children import Forked
    from headrace.orchestration.planning import make_plan

    plan = make_plan(pipeline, {}, None)
    (project.folder / "helper_of_edits.py").write_text("def f(): return 2\n")
    children = Forked(plan.file, project.folder / "zygote.log", sources=plan.sources)
    try:
        children.start("one", {}, project.folder / "one.log")
        with pytest.raises(StepFailed, match="was edited while the run started"):
            children.wait(20)
    finally:
        children.close()


def test_runs_from_any_thread(project):
    """A run needs no main thread: signals are left alone there."""
    pipeline = project.write(FLOW).pipeline()
    found = []
    thread = threading.Thread(target=lambda: found.append(pipeline.run()))
    thread.start()
    thread.join(60)
    assert found[0].ok


def test_a_changed_pipeline_is_not_resumed_blindly(project):
    """Resuming a run whose pipeline now looks up something new says so instead of guessing."""
    run_id = project.write(FAILING).pipeline().run().run_id
    pipeline = project.write(FAILING.replace("apart()\n", "apart()\n        hr.champion('late')\n", 2)).pipeline()
    settings = load_settings(project.folder)
    with Store.open(settings.home) as store, pytest.raises(InvalidInput, match="'champion' is new"):
        resume_run(pipeline, store.run(run_id), store, settings)


def test_a_script_runs_itself(project):
    """`python flow.py` works under its main guard; a bare run() at the top is refused, not repeated for ever."""
    guarded = FLOW + '\n    if __name__ == "__main__":\n        print(flow.run().value("total"))\n'
    project.write(guarded)
    done = subprocess.run([sys.executable, project.file.name], cwd=project.folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "12\n"), done.stderr
    assert set(states(project.pipeline().run()).values()) == {"cached"}
    project.write(FLOW + "\n    flow.run()\n")
    with pytest.raises(Misuse, match=r"__main__.*headrace run"):
        project.pipeline()


def test_a_full_store_is_not_the_steps_fault(project):
    """When the store fails a step, the run ends with the store's error, and can be resumed."""
    pipeline = project.write("""
        from headrace.errors import StoreError
        @hr.step
        def one(bad: bool) -> int:
            if bad:
                raise StoreError("cannot write: no space")
            return 1
        @hr.pipeline
        def flow(bad: bool = True): one(bad)
    """).pipeline()
    with pytest.raises(StoreError, match=r"no space.*step 'one'.*headrace resume"):
        pipeline.run()


def test_a_process_that_lives_on_after_its_store_failed_runs_again(project, monkeypatch):
    """A notebook whose disk was full for a moment: the same call again works, and waits for nobody."""
    project.write(
        """
        @hr.step
        def one():
            return [1]

        @hr.pipeline
        def flow():
            one()
        """
    )
    pipeline = project.pipeline()
    with Faults(monkeypatch, fails_at=3, error=errno.ENOSPC), pytest.raises(StoreError, match="free some space"):
        run_pipeline(pipeline, {}, in_process=True)
    result = run_pipeline(pipeline, {}, in_process=True)
    assert result.ok and result.steps["one"].state == "succeeded"

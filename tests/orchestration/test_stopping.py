"""Stopping: time-outs, interrupts, cancelling, killed runners; nothing is left running, everything can be resumed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.orchestration.runner import run_pipeline
from headrace.settings import load_settings
from headrace.store import Store


def is_alive(pid):
    """Whether a process runs, zombies not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_timeout_kills_the_whole_group(project):
    """A step over its time is killed with all it started, and the reason says so."""
    pipeline = project.write("""
        import subprocess, time
        @hr.step(timeout_s=5)
        def slow(mark: str) -> int:
            child = subprocess.Popen(["sleep", "60"])
            open(mark, "w").write(str(child.pid))
            time.sleep(60)
        @hr.pipeline
        def flow(mark: str): slow(mark)
    """).pipeline()
    mark = project.folder / "pid"
    start = time.monotonic()
    result = pipeline.run(mark=str(mark))
    assert result.steps["slow"].reason == "stopped after 5 s (timeout_s)"
    assert time.monotonic() - start < 40
    deadline = time.monotonic() + 5
    while is_alive(int(mark.read_text())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(int(mark.read_text()))


SLEEPING = """
    import time
    from pathlib import Path
    @hr.step
    def nap(mark: str) -> int:
        Path(mark).touch()
        time.sleep(SECONDS)
        return 1
    @hr.step
    def after(x: int) -> int: return x
    @hr.pipeline
    def flow(mark: str = "mark"): after(nap(mark))
"""


def start_cli(project, *arguments):
    """`headrace ...` in a process group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", *arguments],
        cwd=project.folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(path):
    """Wait until a step has left its mark."""
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_interrupted_once_waits_twice_stops(project):
    """Ctrl-C lets what runs end and starts nothing more; a second stops it at once; both can be resumed."""
    project.write(SLEEPING.replace("SECONDS", "1.0"))
    mark = project.folder / "mark"
    first = start_cli(project, "run", project.file.name, "--set", f"mark={mark}")
    wait_for(mark)
    os.kill(first.pid, signal.SIGINT)
    out, err = first.communicate(timeout=30)
    assert first.returncode == 130, err
    assert "nap" in out and "succeeded" in out and "not run" in out
    again = start_cli(project, "resume")
    out, err = again.communicate(timeout=30)
    assert again.returncode == 0, err
    assert "cached" in out

    mark.unlink()
    project.write(SLEEPING.replace("SECONDS", "60"))
    second = start_cli(project, "run", project.file.name, "--set", f"mark={mark}")
    wait_for(mark)
    os.kill(second.pid, signal.SIGTERM)
    time.sleep(0.5)
    os.kill(second.pid, signal.SIGTERM)
    out, err = second.communicate(timeout=30)
    assert second.returncode == 143, err


def test_killed_runner_takes_its_steps_along(project):
    """When the runner is killed its steps die with it; resume finishes, and what was committed is not run again."""
    project.write(SLEEPING.replace("SECONDS", "60 if not Path(mark + '2').exists() else 0"))
    mark = project.folder / "mark"
    process = start_cli(project, "run", project.file.name, "--set", f"mark={mark}")
    wait_for(mark)
    children = descendants(process.pid)
    assert len(children) == 2
    process.kill()
    process.communicate(timeout=30)
    deadline = time.monotonic() + 5
    while any(map(is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(map(is_alive, children))
    (project.folder / "mark2").touch()
    again = start_cli(project, "resume")
    _, err = again.communicate(timeout=30)
    assert again.returncode == 0, err


def descendants(pid):
    """The processes below one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found += [int(entry.name), *descendants(int(entry.name))]
    return found


def test_cancelled_through_the_store(project):
    """A cancel request in the store stops a run like Ctrl-C does."""
    project.write(SLEEPING.replace("SECONDS", "1.5"))
    mark = project.folder / "mark"
    process = start_cli(project, "run", project.file.name, "--set", f"mark={mark}")
    wait_for(mark)
    with Store.open(project.folder / ".headrace") as store:
        store.request_cancel(store.runs()[0].run_id)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "not run" in out


def test_ctrl_c_in_process(project):
    """Run in this process, Ctrl-C reaches the step; the run is cancelled and can be resumed."""
    pipeline = project.write("""
        @hr.step
        def one() -> int: raise KeyboardInterrupt
        @hr.pipeline
        def flow(): one()
    """).pipeline()
    with pytest.raises(KeyboardInterrupt):
        run_pipeline(pipeline, {}, in_process=True)
    with Store.open(load_settings(project.folder).home) as store:
        (run,) = store.runs()
        assert run.state == "cancelled"
        assert [row.state for row in store.attempts(run.run_id)] == ["failed"]

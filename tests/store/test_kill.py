"""SIGKILL at every named point: nothing committed is lost or doubled, and a rerun ends as an undisturbed run does."""

import contextlib
import importlib.util
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from headrace.errors import UnknownName
from headrace.store import Store, points

SCRIPT = Path(__file__).parent / "pipeline.py"
# Where a step is in the middle of its commit, the second step is tried as well. Those that tell most run always.
ALWAYS = ("published-first-artifact", "before-commit", "after-commit:2", "after-push")
MOMENTS = [
    moment if moment in ALWAYS else pytest.param(moment, marks=pytest.mark.slow)
    for moment in (*points.NAMES, "attempt-begun:2", "published:2", "before-commit:2", "after-commit:2")
]


def run(home, *, kill_at="", counter=None):
    """The pipeline in a process of its own; its exit status and standard output."""
    environment = os.environ | {"HEADRACE_KILL_AT": kill_at}
    if counter is not None:
        environment["HEADRACE_KILL_COUNTER"] = str(counter)
    done = subprocess.run([sys.executable, str(SCRIPT), str(home)], env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def log_of(place):
    """How often each step has really run."""
    log = place / "executed.txt"
    return Counter(log.read_text().split()) if log.exists() else Counter()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What comes out when nobody interferes."""
    code, outcome, _ = run(tmp_path_factory.mktemp("undisturbed") / ".headrace")
    assert code == 0
    return outcome


@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_loses_and_doubles_nothing(tmp_path, undisturbed, moment):
    """What was committed when the process died is there, whole; the rerun redoes none of it and ends the same."""
    home = tmp_path / ".headrace"
    assert run(home, kill_at=moment)[0] == -signal.SIGKILL
    with Store.open(home) as store:
        assert store.verify() == []
        rows = [row for found in store.runs() for row in store.attempts(found.run_id)]
        finished = [row.step for row in rows if row.state == "succeeded"]
        for row in rows:
            assert all(store.has_artifact(item.digest) for item in row.outputs.values())
            if row.state == "running":
                assert not store.is_alive(store.lease(row.attempt_id))  # known dead at once
    executed = log_of(tmp_path)
    if moment == "run-finished":
        assert finished == ["features", "train", "push"]
        return
    code, outcome, errors = run(home)
    assert (code, outcome) == (0, undisturbed), errors
    again = log_of(tmp_path) - executed
    assert not set(again) & set(finished)
    with Store.open(home) as store:
        (found,) = store.runs()
        counts = Counter(row.step for row in store.attempts(found.run_id) if row.state == "succeeded")
        assert set(counts.values()) == {1} and found.state == "succeeded"
        assert store.verify() == [] and [move.version for move in store.moves("late")] == [1]
        assert {path.name for path in store.home.artifacts.iterdir()} == {
            item.digest for row in store.attempts(found.run_id) for item in row.outputs.values()
        }


def load_script():
    """The pipeline as a module, for forked children: a process start takes longer than the whole pipeline."""
    spec = importlib.util.spec_from_file_location("pipeline", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def killed_child(script, home, after_s):
    """Fork, run the pipeline, kill it after so many seconds; its exit status."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), contextlib.redirect_stdout(io.StringIO()):
            script.main(home)
            os._exit(0)
        os._exit(1)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.slow
def test_kill_at_random_moments(tmp_path, undisturbed):
    """Killed again and again wherever it happens to be, the pipeline ends as an undisturbed one does."""
    script, moments, lost = load_script(), random.Random(1), 0
    for number in range(30):
        home, state, kills = tmp_path / f"{number}" / ".headrace", "", 0
        home.parent.mkdir()
        while state != "succeeded":
            # Each life may be a little longer than the last, or a busy machine would never finish one step.
            longest_s = 0.03 * 1.1**kills
            assert killed_child(script, home, moments.uniform(0.0, longest_s)) in (-signal.SIGKILL, 0)
            kills += 1
            if (home / "metadata.db").is_file():
                with Store.open(home) as store:
                    assert store.verify() == []
                    state = next((row.state for row in store.runs()), "")
        with Store.open(home) as store:
            (found,) = store.runs()
            assert script.outcome(store) + "\n" == undisturbed
            lost += sum(row.state == "lost" for row in store.attempts(found.run_id))
    assert lost > 5  # the moments were in the middle of things


def test_kill_within_a_few_files_is_repaired(tmp_path, undisturbed):
    """A folder that a killed commit renamed, and a disk then damaged, is not taken for the artifact."""
    home = tmp_path / ".headrace"
    assert run(home, kill_at="published-first-artifact")[0] == -signal.SIGKILL
    (orphan,) = (home / "artifacts").iterdir()
    (orphan / "note.txt").write_bytes(b"rubbish")
    assert run(home)[:2] == (0, undisturbed)
    with Store.open(home) as store:
        assert store.verify() == []


def test_processes_can_count_together(tmp_path):
    """With a counter file the n-th visit counts over all processes: the second process dies at its first visit."""
    counter = tmp_path / "counter"
    assert run(tmp_path / "a" / ".headrace", kill_at="run-created:2", counter=counter)[0] == 0
    assert run(tmp_path / "b" / ".headrace", kill_at="run-created:2", counter=counter)[0] == -signal.SIGKILL
    assert run(tmp_path / "c" / ".headrace", kill_at="run-created:2", counter=counter)[0] == 0


def test_a_point_that_does_not_exist_is_said(monkeypatch):
    """A proof whose point never fires would prove nothing."""
    monkeypatch.setenv("HEADRACE_KILL_AT", "before-comit")
    with pytest.raises(UnknownName, match="did you mean 'before-commit'"):
        points.reach("before-commit")
    monkeypatch.setenv("HEADRACE_KILL_AT", "before-commit:x")
    with pytest.raises(ValueError, match="expected published:3"):
        points.reach("run-created")
    monkeypatch.delenv("HEADRACE_KILL_AT")
    points.reach("run-created")


PUSH = """
import sys, time
from pathlib import Path
from headrace.errors import ChampionMoved
from headrace.store import Store
from headrace.testing.store_cases import Note
home, text, barrier = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
with Store.open(home) as store:
    model, verdict = (store.save_artifact(Note(text, kind=kind)) for kind in ("model", "verdict"))
    (barrier / text).touch()
    while len(list(barrier.iterdir())) < 2:
        time.sleep(0.001)
    try:
        print(store.push("late", model, verdict, expected_version=None))
    except ChampionMoved:
        print("moved")
"""


@pytest.mark.slow
def test_of_two_processes_racing_to_push_one_wins(tmp_path):
    """Two processes push at the same moment, judged against the same version: one does, the other is told."""
    for turn in range(3):
        home, barrier = tmp_path / f"{turn}" / ".headrace", tmp_path / f"{turn}" / "barrier"
        barrier.mkdir(parents=True)
        started = [
            subprocess.Popen(
                [sys.executable, "-c", PUSH, str(home), text, str(barrier)], stdout=subprocess.PIPE, text=True
            )
            for text in ("one", "two")
        ]
        assert sorted(process.communicate()[0].strip() for process in started) == ["1", "moved"]
        with Store.open(home) as store:
            assert len(store.moves("late")) == 1

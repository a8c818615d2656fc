"""Sharing a store between real processes: what a killed one leaves, and what a living one keeps."""

import os
import signal
import subprocess
import sys

import pytest

from headrace.store import Store
from headrace.testing.sharing_cases import SharingCases


class TestSqlite(SharingCases):
    """Every promise of sharing, on SQLite and a folder."""

    def open_store(self, place, **options):
        """A store in the folder's .headrace."""
        return Store.open(place / ".headrace", **options)


HELP = """
import sys, time
from pathlib import Path
from headrace.store import Store
with Store.open(Path(sys.argv[1])) as store:
    store.announce("worker")
    attempt = store.join_attempt(sys.argv[2], "b", "l", number=1, at_most=2, is_helper=True)
    print(attempt.id, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def helped(tmp_path):
    """A run of ours, and a process that helps with its step b."""
    home = tmp_path / ".headrace"
    with Store.open(home) as store:
        run_id = store.create_run("p", {})
        arguments = [sys.executable, "-c", HELP, str(home), run_id]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            attempt_id = process.stdout.readline().strip()
            yield store, run_id, attempt_id, process
            process.kill()


def test_a_living_helper_keeps_its_step(helped):
    """Neither a second attempt, nor taking the run over, ends what a living helper does."""
    store, run_id, attempt_id, _ = helped
    assert store.join_attempt(run_id, "b", "l", number=2, at_most=9) is None
    assert store.num_held() == 0 and len(store.announced("worker")) == 1
    assert store.take_run(run_id) == []
    store.release_run(run_id)
    assert [(row.attempt_id, row.state) for row in store.attempts(run_id)] == [(attempt_id, "running")]


def test_a_killed_helper_s_step_is_free_at_once(helped):
    """The next who asks gets it, without waiting for a lease to end; of the worker nothing is left."""
    store, run_id, attempt_id, process = helped
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert store.announced("worker") == []
    attempt = store.join_attempt(run_id, "b", "l", number=2, at_most=9)
    assert attempt is not None
    assert [(row.attempt_id, row.state) for row in store.attempts(run_id)] == [
        (attempt_id, "lost"),
        (attempt.id, "running"),
    ]


RUN = """
import sys, time
from pathlib import Path
from headrace.store import Store
with Store.open(Path(sys.argv[1])) as store:
    run_id = store.create_run("p", {})
    store.begin_attempt(run_id, "a", "k")
    print(run_id, flush=True)
    time.sleep(60)
"""


def test_a_helper_outlives_the_run_s_process(tmp_path):
    """When who coordinates is killed, the helper takes the run over and its own attempt goes on; the other is lost."""
    home = tmp_path / ".headrace"
    with Store.open(home) as store:
        with subprocess.Popen([sys.executable, "-c", RUN, str(home)], stdout=subprocess.PIPE, text=True) as process:
            run_id = process.stdout.readline().strip()
            mine = store.join_attempt(run_id, "b", "l", number=1, at_most=9, is_helper=True)
            os.kill(process.pid, signal.SIGKILL)
        assert store.join_attempt(run_id, "c", "m", number=1, at_most=9, is_helper=True) is None
        assert len(store.take_run(run_id, only=["running"])) == 1
        store.commit(mine, {}, {}, "l")
        assert [row.state for row in store.attempts(run_id)] == ["lost", "succeeded"]


def test_a_cut_off_run_is_cancelled_at_once(tmp_path):
    """Nobody has to stop first: its dead attempts are lost, and it is cancelled."""
    home = tmp_path / ".headrace"
    with Store.open(home) as store:
        with subprocess.Popen([sys.executable, "-c", RUN, str(home)], stdout=subprocess.PIPE, text=True) as process:
            run_id = process.stdout.readline().strip()
            os.kill(process.pid, signal.SIGKILL)
        assert store.request_cancel(run_id) == "cancelled"
        assert store.run(run_id).state == "cancelled" and store.lease(run_id) is None
        assert [row.state for row in store.attempts(run_id)] == ["lost"]

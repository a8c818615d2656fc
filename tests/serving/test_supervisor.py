"""The supervisor: workers that die or hang are replaced, and not in a storm."""

import os
import signal
import time

import httpx
import pytest

from headrace.serving import _supervisor
from headrace.serving._supervisor import Supervisor
from headrace.settings import Settings
from tests.serving.conftest import running, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def supervisor(home):
    """One with one worker, driven by the test itself."""
    made = Supervisor(Settings(home=home, port=0, poll_s=0.05), None)
    made.start_worker(0)
    try:
        turn(made, lambda: made.workers[0].member.is_ready)
        yield made
    finally:
        made.stop()


def turn(supervisor, condition, timeout_s=30.0):
    """Let it do its rounds until something holds."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        supervisor.hear(0.02)
        supervisor.watch()
        supervisor.poll()


def is_ready(supervisor, but):
    """Whether a worker other than this process serves."""
    return any(worker.member.is_ready and worker.process.pid != but for worker in supervisor.workers)


def test_a_worker_that_hangs_is_replaced(supervisor, monkeypatch, capsys):
    """A worker that says nothing any more, though its process lives, is killed and another started."""
    monkeypatch.setattr(_supervisor, "_SILENT_S", 2.0)
    before = supervisor.workers[0].process.pid
    os.kill(before, signal.SIGSTOP)
    turn(supervisor, lambda: is_ready(supervisor, before))
    assert "says nothing any more" in capsys.readouterr().err
    assert not os.path.exists(f"/proc/{before}")  # noqa: PTH110


def test_workers_that_die_again_and_again_are_started_ever_later(supervisor, capsys):
    """The first that dies is replaced at once, the next after a wait that doubles: no storm."""
    for _ in range(4):
        victim = supervisor.workers[0].process
        victim.kill()
        victim.wait()
        turn(supervisor, lambda victim=victim: supervisor.workers and supervisor.workers[0].process is not victim)
    said = capsys.readouterr().err
    assert [wait in said for wait in ("another is started\n", "in 0.25 s", "in 0.5 s", "in 1 s")] == [True] * 4


def test_an_unreadable_store_changes_nothing(supervisor, home):
    """The database is gone for a while: what serves goes on serving, and what is pushed later is taken up."""
    database = home / "metadata.db"
    hidden = home / "hidden.db"
    database.rename(hidden)
    end = time.monotonic() + 0.5
    turn(supervisor, lambda: time.monotonic() > end)
    with httpx.Client(base_url=f"http://127.0.0.1:{supervisor.port}") as client:
        assert client.get("/v1/models/late").json()["model_version_status"][0]["version"] == "1"
    hidden.rename(database)
    turn(supervisor, lambda: supervisor.flips.good["late"].version == 1)


def test_ready_means_every_worker_answers(home):
    """Once the server says that it is ready, connections to any of its workers are answered at once."""
    with running(home, workers=3) as (client, _):
        seen = set()

        def ask():
            with httpx.Client(base_url=client.base_url, timeout=5) as one:
                seen.add(one.get("/health/live").json()["worker"])
            return seen == {0, 1, 2}

        wait_until(ask)

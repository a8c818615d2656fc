"""Leases: a dead process is known dead at once, a living one alive however old its lease, a stranger by its age."""

import dataclasses
import os
import signal
import subprocess
import sys

import pytest

from headrace.errors import StoreBusy
from headrace.store import Store
from headrace.store._lease import holder_is_alive, now_us, process_start

HOLD = """
import sys, time
from pathlib import Path
from headrace.store import Store
with Store.open(Path(sys.argv[1])) as store:
    run_id = store.create_run("p", {})
    attempt = store.begin_attempt(run_id, "a", "k")
    print(run_id, attempt.id, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """A store, and a process that holds a run and an attempt in it."""
    home = tmp_path / ".headrace"
    Store.open(home).close()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(home)], stdout=subprocess.PIPE, text=True) as process:
        run_id, attempt_id = process.stdout.readline().split()
        with Store.open(home) as store:
            yield store, run_id, attempt_id, process
        process.kill()


def test_a_living_holder_keeps_its_run(held):
    """Neither the run nor its steps can be taken over while the process lives, even past the lease's end."""
    store, run_id, attempt_id, _ = held
    for subject in (run_id, attempt_id):
        lease = store.lease(subject)
        assert store.is_alive(lease)
        assert store.is_alive(dataclasses.replace(lease, expires_us=0))
    with pytest.raises(StoreBusy, match=r"process \d+ on .* is working on run .*headrace cancel"):
        store.take_run(run_id)


def test_a_killed_holder_is_dead_at_once(held):
    """No waiting for the lease to end: its run is taken over the moment it is gone, a zombie counts as gone."""
    store, run_id, attempt_id, process = held
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now: dead, and not yet collected
    assert process_start(process.pid) is None
    assert not store.is_alive(store.lease(attempt_id))
    assert store.take_run(run_id) == [attempt_id]
    assert [row.state for row in store.attempts(run_id)] == ["lost"]
    assert store.begin_attempt(run_id, "a", "k").token


def test_a_stopped_holder_is_alive(held):
    """A process that sleeps may wake up; only its death or its lease on another host frees a run."""
    store, run_id, _, process = held
    os.kill(process.pid, signal.SIGSTOP)
    assert store.is_alive(store.lease(run_id))
    os.kill(process.pid, signal.SIGCONT)


def test_another_boot_process_or_host(held):
    """A process id of another boot, or used again by a later process, is not the holder; elsewhere the age decides."""
    store, run_id, _, _ = held
    lease = store.lease(run_id)
    assert not holder_is_alive(dataclasses.replace(lease, boot_id="another"))
    assert not holder_is_alive(dataclasses.replace(lease, pid_start=lease.pid_start + 1))
    assert not holder_is_alive(dataclasses.replace(lease, pid=2**22 + 1))
    elsewhere = dataclasses.replace(lease, host="elsewhere/", boot_id="another", pid=1)
    assert holder_is_alive(dataclasses.replace(elsewhere, expires_us=now_us() + 1_000_000))
    assert not holder_is_alive(dataclasses.replace(elsewhere, expires_us=now_us() - 1))


def test_renewing_moves_the_end(tmp_path):
    """Run and attempt last `lease_s` from the renewal on."""
    with Store.open(tmp_path / ".headrace", lease_s=100.0) as store:
        assert store.lease_s == 100.0
        run_id = store.create_run("p", {})
        attempt = store.begin_attempt(run_id, "a", "k")
        first = [store.lease(subject).expires_us for subject in (run_id, attempt.id)]
        store.renew_run(run_id)
        attempt.renew()
        second = [store.lease(subject).expires_us for subject in (run_id, attempt.id)]
        assert all(later > earlier for earlier, later in zip(first, second, strict=True))
        assert all(abs(end - now_us() - 100e6) < 10e6 for end in second)


def test_what_was_disowned_is_nobodys(tmp_path):
    """A process that lives on after its store failed holds nothing any more: it may take its own run over."""
    with Store.open(tmp_path / ".headrace") as store:
        run_id = store.create_run("p", {})
        attempt = store.begin_attempt(run_id, "a", "k")
        assert store.num_held() == 1 and store.is_alive(store.lease(run_id))
        store.disown()
        assert store.num_held() == 0 and not store.is_alive(store.lease(run_id))
        assert store.take_run(run_id) == [attempt.id]
        assert store.begin_attempt(run_id, "a", "k").token

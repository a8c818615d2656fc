"""local: ranks as processes of this machine; whatever ends one ends all, and is told once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headrace.errors import InvalidInput, Misuse, StepFailed
from headrace.training import Entry, Journal
from headrace.training.launchers.local import Local

ENTRIES = """
import os, signal, time
from pathlib import Path
from headrace.errors import InvalidInput

def sit(folder, group):
    Path(folder, f"pid-{group.rank}").write_text(str(os.getpid()))
    time.sleep(600)

def add(arguments, group, journal):
    Path(group.rendezvous, f"part-{group.rank}").write_text(str(arguments["number"] * group.rank))
    parts = [Path(group.rendezvous, f"part-{rank}") for rank in range(group.num_ranks)]
    while not all(part.is_file() and part.read_text() for part in parts):
        time.sleep(0.01)
    print("printed by a rank")
    return [sum(int(part.read_text()) for part in parts), group.device, group.num_ranks]

def write(arguments, group, journal):
    found = journal.resume()
    said = [journal.report(step, {"loss": 1.0 / (step + 1)}) for step in range(3)]
    journal.save(b"\\x00\\xffstate " + (found or b"none"))
    return [said, None if found is None else found.decode("latin1")]

def raise_ours(arguments, group, journal):
    if group.rank == 1:
        raise InvalidInput("row 7 is odd", where="data", expected="an even one", fix="look at it")
    sit(arguments["folder"], group)

def raise_theirs(arguments, group, journal):
    if group.rank == 1:
        raise ZeroDivisionError("by zero")
    sit(arguments["folder"], group)

def die(arguments, group, journal):
    if group.rank == 1:
        while not Path(arguments["folder"], "pid-0").is_file():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    sit(arguments["folder"], group)

def exit_quietly(arguments, group, journal):
    if group.rank == 1:
        os._exit(0)
    sit(arguments["folder"], group)

def wait(arguments, group, journal):
    sit(arguments["folder"], group)
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run one of the functions above on two ranks."""
    (tmp_path / "entries.py").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)

    def call(name, num_ranks=2, *, journal=None, **arguments):
        folder = tmp_path / "meeting"
        folder.mkdir(exist_ok=True)
        entry = Entry(f"entries:{name}", {"folder": str(tmp_path), **arguments}, str(folder))
        return Local().run(entry, num_ranks, {}, journal=journal or Journal())

    return call


def is_alive(pid):
    """Whether a process runs; one that only waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def assert_gone(folder):
    """No rank that left its number there is still alive, or not for long."""
    pids = [int(file.read_text()) for file in Path(folder).glob("pid-*")]
    assert pids
    until = time.monotonic() + 20
    while any(is_alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(is_alive(pid) for pid in pids)


def test_the_first_rank_s_answer_is_the_result(run):
    """Each rank is told its place, all see one folder, and what they print does not get in the way."""
    assert run("add", 3, number=10) == [30, "cpu", 3]


def test_the_first_rank_speaks_to_the_journal(run):
    """Reports, the answer "stop", checkpoints and what there was before go between the journal and rank 0 alone."""

    class Memory(Journal):
        def __init__(self):
            self.told, self.saved = [], []

        def report(self, step, values):
            self.told.append((step, values))
            return step < 1

        def save(self, state):
            self.saved.append(state)

        def resume(self):
            return b"before" if not self.saved else self.saved[-1]

    journal = Memory()
    assert run("write", journal=journal) == [[True, False, False], "before"]
    assert journal.told == [(0, {"loss": 1.0}), (1, {"loss": 0.5}), (2, {"loss": 1.0 / 3})]
    assert journal.saved == [b"\x00\xffstate before"]


def test_our_own_error_comes_back_as_it_was_raised(run, tmp_path):
    """Class and parts are those of the rank, and the other rank is ended."""
    with pytest.raises(InvalidInput) as found:
        run("raise_ours")
    assert str(found.value) == "row 7 is odd (data); expected an even one; look at it"
    if list(tmp_path.glob("pid-*")):
        assert_gone(tmp_path)


def test_any_other_error_is_told_with_its_rank(run):
    """What third parties raise is one line, and the traceback is on standard error."""
    with pytest.raises(StepFailed, match=r"rank 1 of 2 raised ZeroDivisionError: by zero"):
        run("raise_theirs")


def test_a_rank_that_is_killed_ends_all(run, tmp_path):
    """kill -9 of one rank: one error that says so, no process left."""
    with pytest.raises(StepFailed, match=r"rank 1 of 2 was killed by SIGKILL"):
        run("die")
    assert_gone(tmp_path)


def test_a_rank_that_ends_without_an_answer_is_an_error(run):
    """Exit code 0 is not enough."""
    with pytest.raises(StepFailed, match=r"rank 1 of 2 ended with exit code 0"):
        run("exit_quietly")


def test_an_unknown_entry_is_an_error(run):
    """A function that is not there is told."""
    with pytest.raises(StepFailed, match="AttributeError"):
        run("no_such_entry")


def test_no_rank_outlives_its_launcher(tmp_path):
    """kill -9 of the process that launched them leaves no orphan."""
    (tmp_path / "entries.py").write_text(ENTRIES)
    code = (
        "import sys; from headrace.training import Entry, Journal\n"
        "from headrace.training.launchers.local import Local\n"
        "Local().run(Entry('entries:wait', {'folder': sys.argv[1]}, sys.argv[1]), 2, {}, journal=Journal())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    launcher = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("pid-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    assert_gone(tmp_path)


def test_a_script_without_a_guard_does_not_start_ranks_without_end(tmp_path):
    """A rank that imports a script whose top level trains is told to stop, and so is the user."""
    (tmp_path / "train_it.py").write_text(
        "import headrace as hr\n"
        "from headrace.training._ranks import check_workers\n"
        "check_workers(hr.XGBoost(), 2)\n"
        "def entry(arguments, group, journal):\n    return 1\n"
    )
    code = (
        "import sys; from headrace.training import Entry, Journal\n"
        "from headrace.training.launchers.local import Local\n"
        "Local().run(Entry('train_it:entry', {}, sys.argv[1]), 2, {}, journal=Journal())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True)
    assert "__main__" in done.stderr and Misuse.__name__ in done.stderr


def test_workers_are_checked_before_anything_is_read():
    """A number that cannot be, and a trainer that works alone, are refused with what to do."""
    import headrace as hr
    from headrace.training._ranks import check_workers

    for workers in (0, -1, 257, 1.5, True, "2"):
        with pytest.raises(InvalidInput, match="workers"):
            check_workers(hr.XGBoost(), workers)
    check_workers(hr.XGBoost(), 2)

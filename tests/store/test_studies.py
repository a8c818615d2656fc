"""Studies in the store: each trial in one hand at a time, counted once."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from headrace.errors import InvalidInput, LeaseLost, UnknownName
from headrace.store import Store


@pytest.fixture
def store(tmp_path):
    """A store with a study."""
    with Store.open(tmp_path / "home") as opened:
        opened.open_study("late", {"space": 1})
        yield opened


def suggest(rows):
    """The number itself, having seen all that ended."""
    return {"n": len(rows)}, [row.number for row in rows if row.state != "running"]


def test_a_trial_s_life(store):
    """Taken, reported, ended: what was tried, seen and reached is there; it can end once."""
    first = store.take_trial("late", suggest)
    store.report_trial(first, {0: 0.5})
    store.report_trial(first, {1: 0.4})
    store.end_trial(first, "succeeded", value=0.9, losses={2: 0.3})
    second = store.take_trial("late", suggest)
    store.end_trial(second, "failed", reason="no memory")
    rows = store.trials("late")
    assert [(row.number, row.params, row.state, row.value) for row in rows] == [
        (0, {"n": 0}, "succeeded", 0.9),
        (1, {"n": 1}, "failed", None),
    ]
    assert rows[0].losses == {0: 0.5, 1: 0.4, 2: 0.3} and rows[1].seen == (0,) and rows[1].reason == "no memory"
    with pytest.raises(LeaseLost):
        store.end_trial(first, "succeeded", value=1.0)
    assert store.trials("late")[0].value == 0.9


def test_a_study_is_made_once(store):
    """The same again is the same; another under its name is refused and says what differs."""
    assert store.open_study("late", {"space": 1}) == store.study("late")
    with pytest.raises(InvalidInput, match=r"study 'late' is there and searches something else: space differ"):
        store.open_study("late", {"space": 2})
    with pytest.raises(UnknownName, match="did you mean 'late'"):
        store.study("lat")
    with pytest.raises(InvalidInput, match="not a study's name"):
        store.open_study("", {})
    assert store.trials("nothing") == []


def test_many_at_once_take_different_trials(store):
    """Eight threads, forty trials: each is taken by one, and the numbers have no gap."""
    taken, lock = [], threading.Lock()

    def work():
        while (trial := store.take_trial("late", lambda rows: suggest(rows) if len(rows) < 40 else None)) is not None:
            with lock:
                taken.append(trial.number)
            store.end_trial(trial, "succeeded", value=float(trial.number))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(40))
    assert [row.value for row in store.trials("late")] == [float(number) for number in range(40)]


def test_a_killed_process_s_trial_is_taken_again_at_once(store, tmp_path):
    """With the same parameters; what it reported is forgotten; the dead one's token is worth nothing."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom headrace.store import Store\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "trial = store.take_trial('late', lambda rows: ({'n': 7}, []))\n"
        "store.report_trial(trial, {0: 1.0})\n"
        "print(trial.token, flush=True)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "home")], stdout=subprocess.PIPE, text=True)
    token = process.stdout.readline().strip()
    assert store.take_trial("late", lambda rows: None) is None, "its holder lives"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    again = store.take_trial("late", lambda rows: None)
    assert (again.number, again.params, again.num_attempts) == (0, {"n": 7}, 2)
    assert again.token != token and store.trials("late")[0].losses == {}
    store.end_trial(again, "succeeded", value=1.0)
    assert [event.kind for event in store.events() if event.kind == "trial-ended"] == ["trial-ended"]


def test_a_worker_outside_holds_its_lease_by_time(store):
    """Whatever process asked for it; a report renews it; after that another has it."""
    trial = store.take_trial("late", suggest, outside_s=0.3)
    time.sleep(0.2)
    store.report_trial(store.attach_trial("late", 0, trial.token), outside_s=0.3)
    time.sleep(0.2)
    assert store.take_trial("late", lambda rows: None) is None
    time.sleep(0.2)
    assert store.take_trial("late", lambda rows: None, outside_s=60.0).number == 0
    with pytest.raises(LeaseLost, match="was given to another worker"):
        store.attach_trial("late", 0, trial.token)


def test_after_so_many_deaths_it_has_failed(store):
    """A trial that kills its workers does not stop the study."""
    for _ in range(3):
        assert store.take_trial("late", suggest, outside_s=0.01).number == 0
        time.sleep(0.02)
    assert store.take_trial("late", suggest, outside_s=60.0).number == 1
    assert (store.trials("late")[0].state, store.trials("late")[0].reason) == ("failed", "3 workers died over it")


def test_failed_by_whoever_watches(store):
    """Once; its worker's result comes too late."""
    trial = store.take_trial("late", suggest)
    assert store.fail_trial("late", 0, "over time")
    assert not store.fail_trial("late", 0, "again")
    with pytest.raises(LeaseLost):
        store.end_trial(trial, "succeeded", value=1.0)
    assert store.trials("late")[0].reason == "over time"


def test_ends_that_are_none(store):
    """A value that is no finite number, a state that does not exist: nothing is written, the lease stays."""
    trial = store.take_trial("late", suggest)
    for state, value in (("succeeded", None), ("succeeded", float("nan")), ("stopped", True)):
        with pytest.raises(InvalidInput):
            store.end_trial(trial, state, value=value)
    with pytest.raises(UnknownName, match="did you mean 'succeeded'"):
        store.end_trial(trial, "succeded", value=1.0)
    store.end_trial(trial, "succeeded", value=1.0)

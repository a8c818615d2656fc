"""Garbage: what is referred to stays, whoever refers to it and whenever; a kill in the middle does no harm."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headrace.orchestration.values import Value
from headrace.store import Staged, Store
from headrace.store._checking import is_recent
from headrace.testing.collecting_cases import CollectingCases


def made(store, run_id, step, value):
    """A step of a run that makes a value, which nobody has touched for a day; its digest."""
    attempt = store.begin_attempt(run_id, step, f"key of {step} {value}")
    thing = Value(value)
    folder = attempt.folder / "output"
    folder.mkdir()
    thing.save(folder)
    store.commit(attempt, {"output": Staged("value", thing.digest, folder)}, {}, f"key of {step} {value}")
    age(store, thing.digest)
    return thing.digest


def age(store, digest):
    """As if an artifact had lain there for a day."""
    folder = store.home.artifact(digest)
    os.utime(folder, (1, folder.stat().st_mtime - 86400))


def run(store, value, pipeline="flow"):
    """A run that ended, with one step; (its id, its output)."""
    run_id = store.create_run(pipeline, {"steps": []})
    digest = made(store, run_id, "one", value)
    store.finish_run(run_id, "succeeded")
    return run_id, digest


class TestSqlite(CollectingCases):
    """Every promise about garbage, on SQLite and a folder."""

    def open_store(self, place, **options):
        """A store in the folder's .headrace."""
        return Store.open(place / ".headrace", **options)


@pytest.fixture
def store(tmp_path):
    """An empty store."""
    with Store.open(tmp_path / ".headrace") as store:
        yield store


def test_who_is_about_to_refer_is_safe(store):
    """Taking from the cache, committing what is there already, saving it: each touches it, so it is not removed."""
    _, first = run(store, 1)
    for number in range(2, 5):
        run(store, number)
    assert first in {item.name for item in store.garbage(keep_runs=1)}
    going = store.create_run("flow", {"steps": []})
    assert store.reuse(going, "one", "key of one 1") is not None
    age(store, first)
    assert first not in {item.name for item in store.garbage(keep_runs=1)}  # the running run refers to it
    store.finish_run(going, "succeeded")
    run(store, 9)
    store.save_artifact(Value(1))
    assert is_recent(store.home.artifact(first))
    assert first not in {item.name for item in store.collect(keep_runs=1)}


def test_leftovers_go_when_they_are_old(store):
    """Folders of killed attempts and bytes nobody recorded; what is younger than an hour may be somebody's."""
    old, young = store.home.attempts / "old", store.home.artifacts / ("a" * 64)
    unrecorded = store.home.artifacts / ("b" * 64)
    for folder in (old, young, unrecorded):
        folder.mkdir()
        (folder / "file").write_bytes(b"12345")
    for folder in (old, unrecorded):
        os.utime(folder, (1, 1))
    found = store.collect()
    assert {(item.kind, item.size_bytes) for item in found} == {("attempt", 5), ("unrecorded", 5)}
    assert (old.exists(), unrecorded.exists(), young.exists()) == (False, False, True)


def test_checkpoints_go_when_nobody_went_on_for_a_week(store):
    """A fit that was killed may be resumed for days; after a week its checkpoint is garbage."""
    for key, days in (("a" * 64, 8), ("b" * 64, 6)):
        folder = store.home.checkpoint(key)
        folder.mkdir(parents=True)
        (folder / "newest").write_bytes(b"1234567")
        os.utime(folder, (1, folder.stat().st_mtime - days * 86400))
    (found,) = store.collect()
    assert (found.kind, found.name, found.size_bytes) == ("checkpoint", "a" * 64, 7)
    assert [path.name for path in store.home.checkpoints.iterdir()] == ["b" * 64]


KILLED = """
import os, signal, sys
from pathlib import Path
from headrace import disk
from headrace.store import Store

store = Store.open(Path(sys.argv[1]))
count, rename, remove = 0, disk.rename, disk.remove_folder

def step(*arguments, **named):
    global count
    count += 1
    if count == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return named.pop("then")(*arguments, **named)

disk.rename = lambda *a, **n: step(*a, **n, then=rename)
disk.remove_folder = lambda *a, **n: step(*a, **n, then=remove)
store.collect(keep_runs=1, grace_days=float(sys.argv[3]))
print(count)
"""


def killed(home, place, grace_days):
    """The exit code of a collection that dies at its `place`-th renaming or removal."""
    arguments = [sys.executable, "-c", KILLED, str(home), str(place), str(grace_days)]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def test_killed_at_any_step(tmp_path):
    """Before each rename and each removal: no damage, the next collection finishes, and nothing kept is lost."""
    place = 1
    while True:
        home = tmp_path / str(place)
        with Store.open(home) as store:
            digests = [run(store, number)[1] for number in range(4)]
        code = killed(home, place, 0)
        with Store.open(home) as store:
            assert store.verify() == [] and store.has_artifact(digests[3])
            store.collect(keep_runs=1, grace_days=0)
            assert [store.has_artifact(digest) for digest in digests] == [False, False, False, True]
            for path in store.home.attempts.iterdir():
                os.utime(path, (1, 1))
            store.collect(keep_runs=1, grace_days=0)
            assert list(store.home.attempts.iterdir()) == [] and store.verify() == []
            assert list(store.home.aside.iterdir()) == []
        if code == 0:
            break
        place += 1
    assert place == 10  # three renames aside, three out of there, three removals


def test_killed_while_setting_aside(tmp_path):
    """Before each rename: whatever was moved by then comes back whole, and the rest never left."""
    place = 1
    while True:
        home = tmp_path / str(place)
        with Store.open(home) as store:
            digests = [run(store, number)[1] for number in range(4)]
        code = killed(home, place, 7)
        with Store.open(home) as store:
            assert store.verify() == [] and len(store.set_aside()) == place - 1
            back, wrong = store.bring_back()
            assert len(back) == place - 1 and wrong == []
            assert all(store.has_artifact(digest) for digest in digests) and store.verify() == []
        if code == 0:
            break
        place += 1
    assert place == 4


@pytest.mark.parametrize("grace_days", [0, 7])
def test_beside_runs_that_go_on(tmp_path, grace_days):
    """While collections go on, runs that take what is there, or make it again, always find what they refer to."""
    home = Path(tmp_path / ".headrace")
    stop = threading.Event()
    problems = []

    def collect():
        with Store.open(home) as store:
            while not stop.is_set():
                store.collect(keep_runs=1, grace_days=grace_days)

    with Store.open(home) as store:
        run(store, 0)
        thread = threading.Thread(target=collect)
        thread.start()
        try:
            for number in range(40):
                going = store.create_run("flow", {"steps": []})
                value = number % 3
                if store.reuse(going, "one", f"key of one {value}") is None:
                    made(store, going, "one", value)
                (row,) = store.attempts(going)
                problems += [item for item in row.outputs.values() if not store.has_artifact(item.digest)]
                store.finish_run(going, "succeeded")
                for digest in [path.name for path in store.home.artifacts.iterdir()]:
                    try:
                        age(store, digest)
                    except FileNotFoundError:
                        continue
        finally:
            stop.set()
            thread.join()
        assert problems == [] and store.verify() == []


def test_the_command(tmp_path, monkeypatch, capsys):
    """`headrace gc --dry-run` says what would go, `headrace gc` removes it; both as JSON too."""
    from headrace.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_HOME", str(tmp_path / ".headrace"))
    with Store.open(tmp_path / ".headrace") as store:
        for number in range(3):
            run(store, number)
    assert main(["gc", "--keep", "1", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3 and "would be set aside: 2 value" in err
    assert main(["gc", "--keep", "1", "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {item["fate"] for item in found["garbage"]} == {"set aside"} and len(found["set_aside"]) == 2
    assert found["size_bytes"]["set_aside"] > 0 and found["size_bytes"]["removed"] == 0 and not found["is_dry_run"]
    assert main(["gc", "--keep", "1", "--dry-run"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("nothing to remove\n") and "in 2 artifacts are set aside" in err
    assert main(["gc", "--keep", "1", "--grace", "0", "--dry-run"]) == 0
    assert "would be removed: 2 value" in capsys.readouterr().err
    assert main(["gc", "--keep", "1", "--grace", "0"]) == 0
    assert "removed: 2 value" in capsys.readouterr().err
    assert main(["gc", "--keep", "1"]) == 0
    assert capsys.readouterr() == ("", "nothing to remove\n")
    with Store.open(tmp_path / ".headrace") as store:
        for number in range(3, 5):
            os.utime(store.home.artifact(run(store, number)[1]))  # as it is right after a run
        assert store.garbage(keep_runs=1) != store.garbage_too_new(keep_runs=1)
    assert main(["gc", "--keep", "1"]) == 0
    assert "1 artifacts stay for now: they were made or read within the hour" in capsys.readouterr().err
    assert main(["gc", "--keep", "0"]) == 2
    assert main(["gc", "--grace", "-1"]) == 2

"""Kept states on disk: found again, bounded, and never in anybody's way."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from headrace.canonical import digest
from headrace.errors import InvalidInput
from headrace.store.states import States
from headrace.testing.faults import failures

PLACES = [digest(f"place {number}") for number in range(20)]


def files_of(folder: Path) -> list[Path]:
    """Every file in the folder, hidden ones too."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_kept_is_found_by_others(tmp_path):
    """Entries of one place, kept at different times, are found together, by another object as well."""
    states = States(tmp_path / "states", limit_mb=1)
    assert states.find(PLACES[0], ["a"]) == {}
    states.keep(PLACES[0], {"a": b"1", "b": b""})
    states.keep(PLACES[0], {"c": bytes(1000)})
    states.keep(PLACES[1], {"a": b"other"})
    for found in (states, States(tmp_path / "states", limit_mb=1)):
        assert found.find(PLACES[0], ["a", "b", "c", "d"]) == {"a": b"1", "b": b"", "c": bytes(1000)}
        assert found.find(PLACES[1], ["a", "c"]) == {"a": b"other"}
        assert found.find(PLACES[2], ["a"]) == {}


def test_a_place_is_a_digest(tmp_path):
    """What could be a path is refused."""
    states = States(tmp_path, limit_mb=1)
    for call in (lambda: states.find("../../etc", []), lambda: states.keep("../../etc", {"a": b""})):
        with pytest.raises(InvalidInput, match="is not a digest"):
            call()


def test_damaged_files_are_not_believed(tmp_path):
    """Any file with a byte changed, or cut anywhere, is as if it were not there, and is replaced."""
    states = States(tmp_path, limit_mb=1)
    entries = {"a": b"some bytes", "b": b"others"}
    states.keep(PLACES[0], entries)
    (file,) = files_of(tmp_path)
    whole = file.read_bytes()
    damaged = [whole[:cut] for cut in range(len(whole))]
    damaged += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for data in damaged:
        file.write_bytes(data)
        found = states.find(PLACES[0], ["a", "b"])
        assert all(entries[name] == value for name, value in found.items()) and len(found) < 2
        states.keep(PLACES[0], entries)
        assert states.find(PLACES[0], ["a", "b"]) == entries


def test_files_of_another_version_are_not_seen(tmp_path):
    """A file of a later format, or somebody's notes, are left alone and not read."""
    states = States(tmp_path, limit_mb=1)
    states.keep(PLACES[0], {"a": b"1"})
    (file,) = files_of(tmp_path)
    later = file.with_suffix(".2")
    file.rename(later)
    (file.parent / "notes").write_text("mine")
    assert states.find(PLACES[0], ["a"]) == {}
    assert later.is_file()


def test_what_was_used_longest_ago_goes_first(tmp_path):
    """Above the limit, files go in the order of their last use; looking counts as using."""
    states = States(tmp_path, limit_mb=1)
    size = 100_000
    for number in range(10):
        states.keep(PLACES[number], {"a": bytes(size)})
        (file,) = [path for path in files_of(tmp_path) if path.name.startswith(PLACES[number])]
        os.utime(file, (number, number))
    states.find(PLACES[0], ["a"])
    states.keep(PLACES[10], {"a": bytes(size)})
    states.trim()
    kept = [number for number in range(11) if states.find(PLACES[number], ["a"])]
    assert kept == [0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    assert sum(file.stat().st_size for file in files_of(tmp_path)) <= 1 << 20


def test_one_process_that_keeps_much_stays_bounded(tmp_path):
    """The limit holds while a step goes on, not only when it ends; what is larger than a quarter of it is not kept."""
    states = States(tmp_path, limit_mb=1)
    for number in range(200):
        states.keep(PLACES[number % 20], {f"{number}": bytes(50_000)})
        assert sum(file.stat().st_size for file in files_of(tmp_path)) < 1.5 * (1 << 20)
    states.keep(PLACES[0], {"large": bytes(300_000)})
    assert states.find(PLACES[0], ["large"]) == {}


def test_nothing_is_kept_where_the_limit_is_zero(tmp_path):
    """A limit of 0 turns kept states off: nothing is written, what lies there is not used."""
    States(tmp_path, limit_mb=1).keep(PLACES[0], {"a": b"1"})
    states = States(tmp_path, limit_mb=0)
    assert states.find(PLACES[0], ["a"]) == {}
    states.keep(PLACES[1], {"a": b"1"})
    assert len(files_of(tmp_path)) == 1


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS, None])
def test_a_disk_that_refuses_stops_nobody(tmp_path, monkeypatch, error):
    """Whichever write or rename fails, nothing is raised, nothing half-written is found, and no rest is left."""
    for faults in failures(monkeypatch, error):
        folder = tmp_path / str(faults.fails_at)
        states = States(folder, limit_mb=1)
        states.keep(PLACES[0], {"a": bytes(5000)})
        states.keep(PLACES[1], {"a": bytes(5000)})
        for place in PLACES[:2]:
            assert states.find(place, ["a"]) in ({}, {"a": bytes(5000)})
        assert not [file for file in files_of(folder) if file.name.startswith(".")]


def test_a_file_where_the_folder_should_be_stops_nobody(tmp_path, capfd):
    """It is said once that nothing can be kept, and why."""
    (tmp_path / "states").write_text("a file")
    states = States(tmp_path / "states", limit_mb=1)
    for place in PLACES[:3]:
        states.keep(place, {"a": b"1"})
        assert states.find(place, ["a"]) == {}
    assert capfd.readouterr().err.count("states are not kept") == 1


def test_the_folder_may_go_at_any_time(tmp_path):
    """Deleting everything between two calls costs what was kept, and nothing else."""
    states = States(tmp_path / "states", limit_mb=1)
    for _ in range(3):
        states.keep(PLACES[0], {"a": b"1"})
        assert states.find(PLACES[0], ["a"]) == {"a": b"1"}
        for file in files_of(tmp_path / "states"):
            file.unlink()
            file.parent.rmdir()
        assert states.find(PLACES[0], ["a"]) == {}
        states.trim()


def test_threads_and_other_objects_at_once(tmp_path):
    """Several writers and readers of the same places, and one that trims: what is found is always whole."""
    problems: list[str] = []

    def work(number: int) -> None:
        states = States(tmp_path, limit_mb=1)
        for turn in range(60):
            place = PLACES[(turn * (1 + number % 3)) % 20]
            found = states.find(place, ["a"]).get("a")
            if found is not None and found != place.encode() * 1000:
                problems.append(place)
            states.keep(place, {"a": place.encode() * 1000})
            states.trim()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


_WRITER = """
import sys, time
from pathlib import Path
from headrace.canonical import digest
from headrace.store.states import States
states = States(Path(sys.argv[1]), limit_mb=16)
print("started", flush=True)
number = 0
while True:
    place = digest(f"place {number % 20}")
    states.keep(place, {"a": place.encode() * 20000, str(number): b""})
    number += 1
"""


@pytest.mark.slow
def test_killed_writers_leave_nothing_that_is_believed(tmp_path):
    """kill -9 in the middle of writing, again and again: every entry found is whole, and rests are cleared away."""
    for round_ in range(6):
        writers = [
            subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(2)
        ]
        for writer in writers:
            assert writer.stdout is not None
            writer.stdout.readline()
        threading.Event().wait(0.05 + 0.02 * round_)
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            assert writer.stdout is not None
            writer.stdout.close()
        states = States(tmp_path, limit_mb=16)
        for place in PLACES:
            assert states.find(place, ["a"]).get("a", place.encode() * 20000) == place.encode() * 20000
    for file in files_of(tmp_path):
        if file.name.startswith("."):
            os.utime(file, (1, 1))
    states.keep(PLACES[0], {"last": b""})
    states.keep(PLACES[0], {"z": b"1"})
    states.trim()
    assert not [file for file in files_of(tmp_path) if file.name.startswith(".")]

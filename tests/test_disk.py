"""The one module that writes: whole or not at all, durable before it is named, every failure with path and advice."""

import errno
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace import disk
from headrace.errors import StoreBusy, StoreError
from headrace.testing.faults import Faults, failures


def contents(folder):
    """Name -> bytes of every file."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, None])
def test_write_file_is_old_or_new(tmp_path, monkeypatch, error):
    """Whichever write, fsync or rename fails, readers see the old file or the new one, and nothing beside it."""
    for faults in failures(monkeypatch, error):
        target = tmp_path / f"{faults.fails_at}"
        target.mkdir()
        (target / "x").write_bytes(b"old")
        try:
            disk.write_file(target / "x", b"new and longer")
        except StoreError as failure:
            assert failure.errno == error and str(target) in str(failure)
            # The last step makes the new name durable: when that fails the new file is there already.
            assert contents(target) in ({"x": b"old"}, {"x": b"new and longer"})
        else:
            assert contents(target) == {"x": b"new and longer"}
            assert error is None or not faults.has_failed
    assert faults.fails_at > 4  # write, fsync of the file, rename, fsync of the folder were all tried


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, None])
def test_a_parquet_file_is_whole_or_gone(tmp_path, monkeypatch, error):
    """A failure inside a library that writes through our file comes out as a StoreError, and the file is gone."""
    table = pa.table({"a": list(range(400_000))})  # more than one buffer
    for faults in failures(monkeypatch, error):
        path = tmp_path / f"{faults.fails_at}.parquet"
        try:
            with disk.open_to_write(path) as file:
                pq.write_table(table, file, compression="none", use_dictionary=False)
        except StoreError:
            assert not path.exists()
        else:
            assert pq.read_table(path).equals(table)


def test_advice_names_what_to_do(tmp_path, monkeypatch):
    """A full disk is answered with what to do about it."""
    with Faults(monkeypatch, fails_at=1, error=errno.ENOSPC), pytest.raises(StoreError, match="free some space"):
        disk.write_file(tmp_path / "x", b"1")


def test_an_error_of_the_caller_passes_and_the_file_is_gone(tmp_path):
    """What the caller raises while writing is theirs; half a file is nobody's."""
    with pytest.raises(KeyError), disk.open_to_write(tmp_path / "x") as file:
        file.write(b"half")
        raise KeyError("theirs")
    assert contents(tmp_path) == {}


def test_a_missing_folder_and_a_file_in_the_way_are_named(tmp_path):
    """The path is in the message."""
    with pytest.raises(StoreError, match="nowhere"), disk.open_to_write(tmp_path / "nowhere" / "x"):
        pass
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        disk.make_folder(tmp_path / "file")
    with pytest.raises(StoreError, match=r"No such file.*x"):
        disk.rename(tmp_path / "nowhere", tmp_path / "x")
    with pytest.raises(StoreError, match="nowhere"):
        disk.sync_file(tmp_path / "nowhere")


def test_folders_are_made_with_their_mode_and_removed_whole(tmp_path):
    """An existing folder is fine, and so is removing one that is not there."""
    made = disk.make_folder(tmp_path / "a" / "b", mode=0o700)
    assert made.is_dir() and made.stat().st_mode & 0o077 == 0
    assert disk.make_folder(made) == made
    disk.write_file(made / "x", b"1")
    disk.remove_folder(tmp_path / "a")
    disk.remove_folder(tmp_path / "a")
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, None])
def test_what_was_appended_stays(tmp_path, monkeypatch, error):
    """Whichever write or fsync fails, the pieces before it are there, whole and in order."""
    for faults in failures(monkeypatch, error):
        target = tmp_path / f"{faults.fails_at}"
        appender = disk.Appender(target)
        done = 0
        try:
            for piece in (b"first", b"second", b"third"):
                appender.append(piece)
                done += len(piece)
        except StoreError as failure:
            assert failure.errno == error and str(target) in str(failure)
        appender.close()
        appender.close()
        assert target.read_bytes()[:done] == b"firstsecondthird"[:done]
        assert len(target.read_bytes()) < done + len(b"second") + 1
    assert faults.fails_at > 6


HOLD = """
import sys, time
from pathlib import Path
from headrace import disk
with disk.hold(Path(sys.argv[1]), "process one"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_held_file_is_free_when_its_holder_is_killed(tmp_path):
    """Another process is told who holds it; once that one is killed the kernel has let go, without anybody's help."""
    place = tmp_path / "up.lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StoreBusy, match="held by process one"), disk.hold(place, "process two"):
            pass
        assert place.read_text() == "process one"
        process.kill()
        process.wait()
        with disk.hold(place, "me"):
            assert place.read_text() == "me"
    with pytest.raises(StoreError, match="cannot write"), disk.hold(tmp_path / "no" / "such", ""):
        pass

"""Every write, fsync and rename of a commit fails once: the old state or the new one, never a mixture."""

import errno
import hashlib

import pytest

from headrace.errors import StoreError
from headrace.store import Store
from headrace.testing.faults import failures
from headrace.testing.store_cases import Note, StoreCases


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, None], ids=["EIO", "ENOSPC", "short write"])
def test_a_commit_is_whole_or_not_there(tmp_path, monkeypatch, error):
    """When any one call fails, the step is not committed, says so, and works when tried again."""
    cases = StoreCases()
    notes = [Note("one"), Note("two")]
    for faults in failures(monkeypatch, error):
        with Store.open(tmp_path / f"{faults.fails_at}") as store:
            run_id = store.create_run("p", {})
            try:
                cases.make(store, run_id, "a", *notes, key="k")
            except StoreError as failure:
                assert failure.errno == error
                assert store.cached("k") is None and not any(store.has_artifact(note.digest) for note in notes)
                assert [row.state for row in store.attempts(run_id)] == ["running"]
                (attempt,) = store.attempts(run_id)
                store.take_run(run_id)
                assert store.attempts(run_id)[0].attempt_id == attempt.attempt_id
                cases.make(store, run_id, "a", *notes, key="k")
            else:
                assert error is None or not faults.has_failed
            assert store.verify() == []
            row = store.cached("k")
            assert [store.load_artifact(row.outputs[f"out{index}"].digest, Note).text for index in (0, 1)] == [
                "one",
                "two",
            ]
            file = store.artifact_folder(notes[0].digest) / "note.txt"
            assert hashlib.sha256(file.read_bytes()).digest() == hashlib.sha256(b"one").digest()
    assert faults.fails_at > 20


def test_saving_an_object_is_whole_or_not_there(tmp_path, monkeypatch):
    """An object saved outside a run is in the store, or is not, and nothing of the try stays behind."""
    for faults in failures(monkeypatch, errno.EIO):
        with Store.open(tmp_path / f"{faults.fails_at}") as store:
            try:
                store.save_artifact(Note("one"))
            except StoreError:
                assert not store.has_artifact(Note("one").digest)
                assert list(store.home.attempts.iterdir()) == []
                store.save_artifact(Note("one"))
            assert store.has_artifact(Note("one").digest) and store.verify() == []

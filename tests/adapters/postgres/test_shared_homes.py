"""Homes that share records share artifacts too: where that cannot work, opening says so."""

from __future__ import annotations

import json
import shutil

import pytest

from headrace.canonical import digest
from headrace.errors import InvalidInput, StoreError
from headrace.store import Staged, Store
from headrace.testing.store_cases import Note
from tests.adapters.postgres.schemas import schema_of


def test_homes_that_share_a_folder_share_everything(records, tmp_path):
    """What one home commits the other loads, resumes and collects; both remember, so that processes need no setting."""
    shared = str(tmp_path / "shared")
    with (
        Store.open(tmp_path / "a", records=records, artifacts=shared) as one,
        Store.open(tmp_path / "b", records=records, artifacts=shared) as other,
    ):
        saved = one.save_artifact(Note("hello"))
        assert other.load_artifact(saved, Note).text == "hello"
        run_id = one.create_run("p", {})
        attempt = one.begin_attempt(run_id, "s", "k")
        plain = other.attach(attempt.to_plain())
        folder = plain.folder / "out"
        folder.mkdir()
        Note("made").save(folder)
        other.commit(plain, {"out": Staged("note", Note("made").digest, folder)}, {}, "k")
        assert one.cached("k").outputs["out"].digest == Note("made").digest
        one.finish_run(run_id, "succeeded")
        assert one.verify() == other.verify() == [] and one.garbage(keep_runs=1) == other.garbage(keep_runs=1)
    with Store.open(tmp_path / "b", read_only=True) as store:
        assert store.load_artifact(saved, Note).text == "hello" and store.runs()[0].run_id == run_id
    assert not (tmp_path / "b" / "artifacts").exists() and not (tmp_path / "a" / "metadata.db").exists()


def test_homes_with_artifacts_of_their_own_are_refused(records, tmp_path):
    """The second home is told where the first has them, before anything is recorded; moving them is possible."""
    with Store.open(tmp_path / "a", records=records) as store:
        saved = store.save_artifact(Note("hello"))
    with pytest.raises(StoreError, match=rf"artifacts of these records lie in {tmp_path}/a on .*set artifacts"):
        Store.open(tmp_path / "b", records=records)
    with pytest.raises(StoreError, match=r"artifacts of these records lie in .*not in|and those of this home in"):
        Store.open(tmp_path / "b", records=records, artifacts=str(tmp_path / "shared"))
    shutil.copytree(tmp_path / "a", tmp_path / "shared", dirs_exist_ok=True)  # what the message proposes
    for home in ("a", "b"):
        with Store.open(tmp_path / home, records=records, artifacts=str(tmp_path / "shared")) as store:
            assert store.load_artifact(saved, Note).text == "hello"


def test_wrong_pairs_of_records_and_artifacts(records, server, tmp_path):
    """A folder of artifacts has one set of records, and a home keeps to its own; each refusal says which."""
    with pytest.raises(InvalidInput, match="the records are this home's alone"):
        Store.open(tmp_path / "a", artifacts=str(tmp_path / "shared"))
    Store.open(tmp_path / "a", records=records, artifacts=str(tmp_path / "shared")).close()
    others = f"{server}?schema={schema_of(records)}_other"
    with pytest.raises(StoreError, match="holds the artifacts of other records, and these are new"):
        Store.open(tmp_path / "b", records=others, artifacts=str(tmp_path / "shared"))
    with pytest.raises(StoreError, match=r"not the records of this home, which were in postgresql://"):
        Store.open(tmp_path / "a", records=others)
    with pytest.raises(
        StoreError, match=r"the artifacts of this store lie in .*shared, and the setting artifacts says"
    ):
        Store.open(tmp_path / "a", artifacts=str(tmp_path / "elsewhere"))
    Store.open(tmp_path / "own").close()
    with pytest.raises(StoreError, match=r"records of this home are in metadata\.db.*begin another home"):
        Store.open(tmp_path / "own", records=records)
    with pytest.raises(StoreError, match="there is no store"):
        Store.open(tmp_path / "none", read_only=True)


def test_a_server_at_another_address_is_the_same_records(records, tmp_path):
    """Records are known by what is in them: a home follows them to another host name."""
    Store.open(tmp_path / "a", records=records).close()
    moved = records.replace("127.0.0.1", "localhost")
    Store.open(tmp_path / "a", records=moved).close()
    assert json.loads((tmp_path / "a" / "records.json").read_text())["uri"] == moved


def test_the_files_of_a_stream_are_looked_for_before_it_is_followed(records, tmp_path):
    """Messages are not in a bucket: where they do not lie, the stream is not taken."""
    stream_id = digest("stream")
    with Store.open(tmp_path / "a", records=records) as store:
        from headrace.store import StreamPart

        token = store.take_stream(stream_id, {})
        (store.stream_folder(stream_id) / "1.arrow").write_bytes(b"x")
        store.append_to_stream(stream_id, token, [StreamPart("s", "1.arrow", 0, 1)], {}, seen=["m", "m"])
        assert store.seen_messages(stream_id, ["m", "n"]) == {"m"}
        assert store.stream(stream_id).num_rows == 1
        store.release_stream(stream_id, token)
        (store.stream_folder(stream_id) / "1.arrow").unlink()
        with pytest.raises(StoreError, match=r"1 files of this stream are not here, 1\.arrow first"):
            store.take_stream(stream_id, {})

"""The store whose artifacts lie in a bucket keeps the contract, and what is its own: sharing, fetching, damage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headrace import disk
from headrace.errors import InvalidInput, StoreError
from headrace.store import Staged, Store
from headrace.testing.store_cases import Note, StoreCases
from tests.ingestion.test_buckets import pointed_at
from tests.servers import gcs as servers
from tests.servers.gcs import gcs as gcs
from tests.servers.gcs import gcs_server as gcs_server


class TestBucket(StoreCases):
    """Every promise of the contract, with artifacts in a bucket of a real server."""

    bucket: servers.Bucket

    @pytest.fixture(autouse=True)
    def _use(self, gcs: servers.Bucket) -> None:
        self.bucket = gcs

    def open_store(self, place: Path, **options: Any) -> Store:
        """A home in the folder, its artifacts below a prefix of that name."""
        return Store.open(place / ".headrace", artifacts=f"{self.bucket.url}/{place.name}", **options)

    def test_the_cache_checks_that_the_files_exist(self, store: Store) -> None:
        """What is gone or cut short in the home is had from the bucket: still cached, and fetched when it is loaded."""
        run_id = store.create_run("p", {})
        self.make(store, run_id, "a", Note("one"), key="k")
        file = store.artifact_folder(Note("one").digest) / "note.txt"
        for damage in (lambda: file.write_bytes(b""), file.unlink, lambda: disk.remove_folder(file.parent)):
            damage()
            assert store.cached("k") is not None
            assert store.load_artifact(Note("one").digest, Note).text == "one"
            assert store.verify() == []
        disk.remove_folder(file.parent)
        self.bucket.delete(next(key for key in self.bucket.names() if key.endswith("artifact.json")))
        assert store.cached("k") is None
        self.make(store, run_id, "a", Note("one"), key="k")
        assert store.cached("k") is not None and store.verify() == []


def commit(store: Store, text: str, data: bytes | None = None) -> str:
    """One step that makes a note, of other bytes than its own where they are given."""
    run_id = store.create_run("p", {})
    attempt = store.begin_attempt(run_id, "a", text)
    folder = disk.make_folder(attempt.folder / "out")
    disk.write_file(folder / "note.txt", text.encode() if data is None else data)
    store.commit(attempt, {"out": Staged("note", Note(text).digest, folder)}, {}, text)
    return Note(text).digest


def test_what_lies_in_the_bucket(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Files under the hash of their bytes, and what the artifact is; the home is a cache of it and remembers it."""
    with Store.open(tmp_path / "home", artifacts=f"{gcs.url}/team/") as store:
        digest = commit(store, "one")
    sha256 = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert gcs.names() == [
        f"team/artifacts/{digest}/artifact.json",
        f"team/artifacts/{digest}/files/{sha256}/note.txt",
    ]
    described = json.loads(gcs.get(f"team/artifacts/{digest}/artifact.json"))
    assert described["files"] == {"note.txt": {"sha256": sha256, "size_bytes": 3}}
    with Store.open(tmp_path / "home", read_only=True) as store:
        assert store.home.url == f"{gcs.url}/team"
        disk.remove_folder(store.home.artifact(digest))
        assert store.load_artifact(digest, Note).text == "one"  # a reader fills the cache as well
    with pytest.raises(StoreError, match="artifacts of this store lie in gs://"):
        Store.open(tmp_path / "home", artifacts="gs://another/place")
    with pytest.raises(InvalidInput, match="gs://bucket/prefix"):
        Store.open(tmp_path / "other", artifacts="s3://bucket/x")


def test_two_homes_share_a_bucket(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Each makes the same digest: it is there once. Of other bytes: the first writer's stand, and both read those."""
    with (
        Store.open(tmp_path / "one", artifacts=gcs.url) as one,
        Store.open(tmp_path / "two", artifacts=gcs.url) as two,
    ):
        digest = commit(one, "one")
        keys = gcs.items()
        assert commit(two, "one") == digest
        assert gcs.items() == keys  # nothing was written again
        other = commit(one, "meaning", b"bytes of one")
        commit(two, "meaning", b"bytes of two")
        for store in (one, two):
            assert store.load_artifact(other, Note).text == "bytes of one"
            assert store.verify() == []


def test_a_writer_that_was_cut_off(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Files without artifact.json are no artifact; whoever makes it again goes on, and takes what is right."""
    with Store.open(tmp_path / "one", artifacts=gcs.url) as store:
        digest = commit(store, "one")
        key = f"artifacts/{digest}/artifact.json"
        gcs.delete(key)
        with Store.open(tmp_path / "two", artifacts=gcs.url) as other:
            assert not other.has_artifact(digest)
            commit(other, "one")
        assert store.verify() == []


def test_damage_in_the_home_and_in_the_bucket(gcs: servers.Bucket, tmp_path: Path) -> None:
    """A flipped byte in the home is fetched anew; in the bucket it is found, named, and never becomes an artifact."""
    with Store.open(tmp_path / "home", artifacts=gcs.url) as store:
        digest = store.save_artifact(Statement("one"))
        file = store.artifact_folder(digest) / "note.txt"
        file.write_bytes(b"onE")
        assert store.load_artifact(digest, Statement).text == "one"
        key = next(key for key in gcs.names() if key.endswith("note.txt"))
        gcs.put(key, b"onE")
        assert [problem.file for problem in store.verify()] == ["note.txt"]
        disk.remove_folder(file.parent)
        with pytest.raises(StoreError, match=r"differ from those committed \(sha256\) \(gs://.*note.txt\)"):
            store.load_artifact(digest, Statement)
        assert not file.parent.exists() and not list(store.home.attempts.iterdir())
        gcs.delete(key)
        with pytest.raises(StoreError, match=r"not there \(gs://.*note.txt\)"):
            store.load_artifact(digest, Statement)


class Statement(Note):
    """A note that reads its own letters, and so sees that they are damaged."""

    @classmethod
    def load(cls, folder: Path) -> Statement:
        """Read it back; ValueError for capitals."""
        text = (folder / "note.txt").read_text()
        if text != text.lower():
            raise ValueError(text)
        return cls(text)


def test_a_bucket_that_vanishes_or_refuses(gcs: servers.Bucket, tmp_path: Path) -> None:
    """A commit that the bucket does not take is a StoreError, and nothing is committed; later it goes on."""
    with Store.open(tmp_path / "home", artifacts=f"{gcs.url}/x") as store:
        commit(store, "before")
        name, server = gcs.name, gcs.server
        gcs.vanish()
        with pytest.raises(StoreError, match="gs://"):
            commit(store, "one")
        with pointed_at(1), pytest.raises(StoreError, match="gs://"):  # nobody listens there
            commit(store, "two")
        assert not store.has_artifact(Note("one").digest) and store.cached("one") is None
        assert [path.name for path in store.home.artifacts.iterdir()] == [Note("before").digest]
        server.make_bucket(name)
        commit(store, "one")
        assert store.has_artifact(Note("one").digest)


def test_the_doctor_asks_for_the_bucket(
    gcs: servers.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says where artifacts lie, and fails when the bucket is gone."""
    from headrace.cli import main

    (tmp_path / "headrace.toml").write_text(f'artifacts = "{gcs.url}/x"\n')
    monkeypatch.chdir(tmp_path)
    with Store.open(tmp_path / ".headrace", artifacts=f"{gcs.url}/x") as store:
        commit(store, "one")
    for is_there in (True, False):
        code = main(["doctor", "-o", "json"])
        (found,) = [item for item in json.loads(capsys.readouterr().out) if item["check"] == "bucket"]
        assert f"{gcs.url}/x" in found["found"]
        assert found["state"] == ("ok" if is_there else "fail")
        assert is_there or (code == 4 and "no such bucket" in found["found"])
        if is_there:
            gcs.vanish()


def test_a_store_that_gets_a_bucket_later(gcs: servers.Bucket, tmp_path: Path) -> None:
    """What was committed before is in the home alone, and goes into the bucket when it is committed again."""
    with Store.open(tmp_path / "home") as store:
        digest = commit(store, "one")
    with Store.open(tmp_path / "home", artifacts=gcs.url) as store:
        assert store.load_artifact(digest, Note).text == "one"
        assert [problem.what for problem in store.verify()] == [f"it is not in {gcs.url}"]
        commit(store, "one")
        assert store.verify() == []


def test_gc_leaves_the_bucket_alone(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Garbage goes from the home; others may refer to what is in the bucket, and it can be fetched again."""
    import os

    with Store.open(tmp_path / "home", artifacts=gcs.url) as store:
        digest = store.save_artifact(Note("one"))
        keys = gcs.names()
        os.utime(store.home.artifact(digest), (1, 1))
        assert [item.name for item in store.collect(grace_days=0)] == [digest]
        assert not store.home.artifact(digest).exists() and gcs.names() == keys
        assert store.load_artifact(digest, Note).text == "one"

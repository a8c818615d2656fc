"""Conformance of garbage collection: what is referred to stays, what is not is set aside, and comes back whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from headrace import disk
from headrace.errors import InvalidInput, StoreError
from headrace.store import Accepted, Staged, Store
from headrace.testing.store_cases import Note

__all__ = ["CollectingCases", "Naming"]

_DAY_S = 86_400


class Naming(Note):
    """An artifact whose JSON names others, as a manifest names its spans.

    Parameters
    ----------
    *names : str
        Their digests, or any texts.
    """

    def __init__(self, *names: str) -> None:
        super().__init__(json.dumps(names))

    def save(self, folder: Path) -> None:
        """Write `note.json`."""
        disk.write_file(folder / "note.json", self.text.encode())


class CollectingCases:
    """Inherit in a test class and give `open_store`, as for StoreCases; artifacts lie in a folder."""

    def open_store(self, place: Path, **options: Any) -> Store:
        """A store in (or named after) the empty folder `place`; the same place opens the same store again."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        """A new, empty store."""
        with self.open_store(tmp_path) as store:
            yield store

    @staticmethod
    def age(store: Store, *digests: str) -> None:
        """As if artifacts had lain there for a day: what is younger than an hour may be somebody's, and stays."""
        for digest in digests:
            folder = store.home.artifact(digest)
            os.utime(folder, (1, folder.stat().st_mtime - _DAY_S))

    def make(self, store: Store, run_id: str, step: str, note: Note, *, accepted: Iterable[Accepted] = ()) -> str:
        """A step of a run that makes a note, a day ago; its digest. Its key is "key of" the note's text."""
        attempt = store.begin_attempt(run_id, step, f"key of {note.text}")
        folder = disk.make_folder(attempt.folder / "output")
        note.save(folder)
        staged = {"output": Staged(note.kind, note.digest, folder)}
        store.commit(attempt, staged, {}, attempt.key, accepted=list(accepted))
        self.age(store, note.digest)
        return note.digest

    def run(self, store: Store, text: str, *, pipeline: str = "flow") -> str:
        """A run of one step that has ended; what it made."""
        run_id = store.create_run(pipeline, {"steps": []})
        made = self.make(store, run_id, "one", Note(text))
        store.finish_run(run_id, "succeeded")
        return made

    def whole(self, store: Store) -> tuple[str, str]:
        """A run that made a span, and a data set whose JSON names it; and a newer run."""
        run_id = store.create_run("flow", {"steps": []})
        span = self.make(store, run_id, "span", Note("rows"))
        data = self.make(store, run_id, "data", Naming(span))
        store.finish_run(run_id, "succeeded")
        self.run(store, "newest")
        return span, data

    def test_the_last_runs_stay(self, store: Store) -> None:
        """The newest of each pipeline stay whole, older keep their records; to ask what would go changes nothing."""
        made = [self.run(store, str(number)) for number in range(5)]
        other = self.run(store, "other", pipeline="another")
        planned = store.garbage(keep_runs=2)
        assert {item.name for item in planned} == set(made[:3]) and all(item.size_bytes > 0 for item in planned)
        assert {item.fate for item in planned} == {"set aside"} and all(map(store.has_artifact, made))
        gone = store.collect(keep_runs=2, grace_days=0)
        assert {item.name for item in gone} == set(made[:3]) and {item.fate for item in gone} == {"removed"}
        assert [store.has_artifact(digest) for digest in [*made, other]] == [False] * 3 + [True] * 3
        assert store.collect(keep_runs=2, grace_days=0) == [] == store.set_aside()
        assert store.verify() == [] and len(store.runs()) == 6
        assert store.cached("key of 0") is None and store.cached("key of 4") is not None
        assert self.run(store, "0") == made[0] and store.has_artifact(made[0])  # made again, it is whole

    def test_what_a_run_refers_to_stays(self, store: Store) -> None:
        """Of runs that go on: their outputs, their inputs and what they looked up, whatever its age."""
        looked_up, taken = self.run(store, "looked up"), self.run(store, "taken")
        going = store.create_run("flow", {"steps": []}, resolved={"champion": {"digest": looked_up}})
        attempt = store.begin_attempt(going, "two", "key", inputs={"x": taken})
        done = self.make(store, going, "three", Note("done"))
        asks = store.create_run("flow", {"steps": []})
        asked = self.make(store, asks, "one", Note("asked about"))
        store.ask(asks, "approval", "k", subject="s", question="fair?", about={"thing": asked})
        assert store.rest_run(asks)
        idle = [self.run(store, str(number)) for number in range(3)]
        assert {item.name for item in store.collect(keep_runs=1)} == set(idle[:2])
        assert all(map(store.has_artifact, (looked_up, taken, done, asked))) and attempt.folder.is_dir()

    def test_what_serves_was_accepted_or_is_pinned_stays(self, store: Store) -> None:
        """Each version's model and verdict, the live one's run, the newest data sets of a stream, and pins."""
        pushed = []
        for number in range(2):
            run_id = store.create_run("flow", {"steps": []})
            beside = self.make(store, run_id, "one", Note(f"beside {number}"))
            store.finish_run(run_id, "succeeded")
            model, verdict = Note(f"model {number}", kind="model"), Note(f"verdict {number}", kind="verdict")
            for thing in (model, verdict):
                store.save_artifact(thing)
            self.age(store, model.digest, verdict.digest)
            store.push("late", model.digest, verdict.digest, expected_version=number or None, run_id=run_id)
            pushed.append((model.digest, verdict.digest, beside))
        streams = []
        for number in range(4):
            run_id = store.create_run("flow", {"steps": []})
            span = self.make(store, run_id, "span", Note(f"rows {number}"))
            data = self.make(store, run_id, "data", Naming(span))
            accepted = Accepted("raw", data, span, (f"2013-0{number}",))
            self.make(store, run_id, "validate", Note(f"fine {number}"), accepted=[accepted])
            store.finish_run(run_id, "succeeded")
            streams.append((span, data))
        pinned = self.run(store, "pinned")
        store.pin(pinned)
        self.run(store, "newest")
        gone = {item.name for item in store.collect(keep_runs=1)}
        fine = {Note(f"fine {number}").digest for number in range(4)}
        assert gone - fine == {pushed[0][2], *streams[0], *streams[1]}
        store.unpin(pinned)
        self.age(store, pinned)  # to pin it has touched it
        assert [item.name for item in store.collect(keep_runs=1)] == [pinned]

    def test_set_aside_it_comes_back(self, store: Store) -> None:
        """It is there for nobody, comes back whole by undo and stays for another grace; after that it is gone."""
        made = [self.run(store, str(number)) for number in range(3)]
        assert {item.name for item in store.collect(keep_runs=1)} == set(made[:2])
        assert not store.has_artifact(made[0]) and store.verify() == []
        with pytest.raises(StoreError, match="set aside"):
            store.artifact_folder(made[0])
        assert {item.digest for item in store.set_aside()} == set(made[:2]) and store.collect(keep_runs=1) == []
        back, wrong = store.bring_back([made[0]])
        assert ([item.digest for item in back], wrong) == ([made[0]], [])
        self.age(store, made[0])
        assert store.collect(keep_runs=1) == [] and store.load_artifact(made[0], Note).text == "0"
        for copy in (store.home.aside / made[1]).iterdir():  # as if that had been days ago
            copy.rename(copy.with_name(str(int(copy.name) - 8 * _DAY_S * 1_000_000)))
        (due,) = store.garbage(keep_runs=1)
        assert (due.name, due.fate) == (made[1], "removed")
        assert [item.name for item in store.collect(keep_runs=1)] == [made[1]]
        assert store.set_aside() == [] and store.verify() == []
        with pytest.raises(InvalidInput, match="is not set aside"):
            store.bring_back([made[1]])

    def test_damaged_it_stays_aside(self, store: Store) -> None:
        """Undo brings back what is as it was committed, and names what is not."""
        made = [self.run(store, str(number)) for number in range(3)]
        store.collect(keep_runs=1)
        (copy,) = (store.home.aside / made[0]).iterdir()
        (copy / "note.txt").write_bytes(b"?")  # of the same size
        back, wrong = store.bring_back()
        assert ([item.digest for item in back], [item.digest for item in wrong]) == ([made[1]], [made[0]])
        assert not store.has_artifact(made[0]) and store.verify() == []

    def test_the_cache_takes_it_back(self, store: Store) -> None:
        """A step whose output was set aside finds it, with what it names; never one of which a part is gone."""
        span, data = self.whole(store)
        key = f"key of {Naming(span).text}"
        assert {item.name for item in store.collect(keep_runs=1)} == {span, data}
        row = store.cached(key)
        assert row is not None and row.aside == (span, data) and not store.has_artifact(data)
        going = store.create_run("flow", {"steps": []})
        row = store.reuse(going, "data", key)
        assert row is not None and row.aside == () and store.has_artifact(span) and store.has_artifact(data)
        assert store.verify() == [] and store.set_aside() == []
        store.finish_run(going, "succeeded")
        self.run(store, "newer")
        self.age(store, span, data)
        store.collect(keep_runs=1)
        (copy,) = (store.home.aside / span).iterdir()
        copy.rename(store.home.attempts / "elsewhere")
        assert store.cached(key) is None

    def test_what_is_handed_on_comes_back(self, store: Store) -> None:
        """A step gives what it saw in the store; set aside before its commit, it is back with all it names."""
        span, data = self.whole(store)
        going = store.create_run("flow", {"steps": []})
        attempt = store.begin_attempt(going, "again", "other key")
        assert {item.name for item in store.collect(keep_runs=1)} >= {span, data}
        store.commit(attempt, {"output": Staged("note", data)}, {}, "other key")
        assert store.has_artifact(span) and store.has_artifact(data) and store.verify() == []
        events = [event.body["digest"] for event in store.events(going) if event.kind == "artifact-brought-back"]
        assert events == [span, data]

    def test_what_is_touched_stays_with_what_it_names(self, store: Store) -> None:
        """Who is about to refer to an artifact touches it, so that it does not go in between, nor what it names."""
        span, data = self.whole(store)
        store.save_artifact(Naming(span))
        assert store.garbage(keep_runs=1) == [] == store.collect(keep_runs=1)
        assert {item.name for item in store.garbage_too_new(keep_runs=1)} == {span, data}

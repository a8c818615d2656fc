"""Store conformance: what every store must keep, whatever holds its records and bytes.

Over 400 lines, because a suite is inherited as one class: half of it would be half a promise.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Self

import pytest

from headrace import disk
from headrace.canonical import digest
from headrace.errors import ChampionMoved, InvalidInput, LeaseLost, StoreBusy, StoreError, UnknownName
from headrace.store import Accepted, Artifact, Attempt, Staged, Store, Waived

__all__ = ["Note", "StoreCases"]


class Note:
    """The smallest artifact: one text, in one file.

    Parameters
    ----------
    text : str
        What it says.
    kind : str
        What to pass for: "model", "verdict" ...
    """

    kind = "note"

    def __init__(self, text: str, kind: str = "note") -> None:
        self.text = text
        self.kind = kind

    @property
    def digest(self) -> str:
        """The digest of kind and text."""
        return digest([self.kind, self.text])

    def save(self, folder: Path) -> None:
        """Write `note.txt`."""
        disk.write_file(folder / "note.txt", self.text.encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it back."""
        return cls((folder / "note.txt").read_text())


class StoreCases:
    """Inherit in a test class and give `open_store`; every promise of the store's contract then runs on it.

    class TestSqlite(StoreCases):
        def open_store(self, place, **options):
            return Store.open(place / ".headrace", **options)
    """

    def open_store(self, place: Path, **options: Any) -> Store:
        """A store in (or named after) the empty folder `place`; the same place opens the same store again."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        """A new, empty store."""
        with self.open_store(tmp_path) as store:
            yield store

    @staticmethod
    def stage(attempt: Attempt, name: str, note: Note) -> Staged:
        """Write a note as an output of an attempt."""
        folder = disk.make_folder(attempt.folder / name)
        note.save(folder)
        return Staged(note.kind, note.digest, folder)

    def make(self, store: Store, run_id: str, step: str, *notes: Note, key: str | None = None) -> Attempt:
        """One whole step: begin, write the notes as outputs out0, out1 ..., commit."""
        attempt = store.begin_attempt(run_id, step, key or step)
        outputs = {f"out{index}": self.stage(attempt, f"out{index}", note) for index, note in enumerate(notes)}
        store.commit(attempt, outputs, {"step": step}, key or step)
        return attempt

    def test_a_committed_step_is_there_in_another_process_s_eyes(self, store: Store, tmp_path: Path) -> None:
        """Artifact, cache row, attempt and events are all there when the store is opened anew."""
        run_id = store.create_run("flights", {"steps": ["a"]}, resolved={"raw": {"spans": ["1"]}})
        self.make(store, run_id, "a", Note("one"), key="k1")
        with self.open_store(tmp_path) as again:
            row = again.cached("k1")
            assert row is not None
            assert row.outputs == {"out0": Artifact("note", Note("one").digest)}
            assert (row.result, row.step, row.run_id) == ({"step": "a"}, "a", run_id)
            assert again.load_artifact(Note("one").digest, Note).text == "one"
            (attempt,) = again.attempts(run_id)
            assert (attempt.state, attempt.number, attempt.outputs) == ("succeeded", 1, row.outputs)
            assert [event.kind for event in again.events(run_id)] == [
                "run-created",
                "attempt-begun",
                "attempt-succeeded",
            ]
            assert again.run(run_id).resolved == {"raw": {"spans": ["1"]}}
            assert again.verify() == []

    def test_before_the_commit_nothing_exists(self, store: Store) -> None:
        """What an attempt has written but not committed cannot be seen: no cache, no artifact."""
        run_id = store.create_run("p", {})
        attempt = store.begin_attempt(run_id, "a", "k")
        self.stage(attempt, "out", Note("one"))
        assert store.cached("k") is None
        assert not store.has_artifact(Note("one").digest)
        with pytest.raises(StoreError, match="no artifact"):
            store.artifact_folder(Note("one").digest)

    def test_failed_attempts_leave_a_reason_and_no_bytes(self, store: Store) -> None:
        """A failure is recorded and never cached; the next attempt of the step has the next number."""
        run_id = store.create_run("p", {})
        attempt = store.begin_attempt(run_id, "a", "k")
        self.stage(attempt, "out", Note("one"))
        store.fail(attempt, "out of memory")
        assert store.cached("k") is None and not attempt.folder.exists()
        self.make(store, run_id, "a", Note("one"), key="k")
        rows = store.attempts(run_id, "a")
        assert [(row.number, row.state, row.reason) for row in rows] == [
            (1, "failed", "out of memory"),
            (2, "succeeded", None),
        ]

    def test_a_digest_committed_twice_keeps_the_first_files(self, store: Store) -> None:
        """Equal meaning, other bytes: readers of the first are not disturbed."""
        run_id = store.create_run("p", {})
        self.make(store, run_id, "a", Note("one"))
        attempt = store.begin_attempt(run_id, "b", "b")
        folder = disk.make_folder(attempt.folder / "out")
        disk.write_file(folder / "note.txt", b"other bytes")
        store.commit(attempt, {"out": Staged("note", Note("one").digest, folder)}, {}, "b")
        assert store.load_artifact(Note("one").digest, Note).text == "one"
        assert store.verify() == []

    def test_an_artifact_that_is_there_needs_no_folder(self, store: Store) -> None:
        """A step may hand on what it was given; what is not in the store needs its files."""
        run_id = store.create_run("p", {})
        self.make(store, run_id, "a", Note("one"))
        attempt = store.begin_attempt(run_id, "b", "b")
        store.commit(attempt, {"same": Staged("note", Note("one").digest)}, {}, "b")
        row = store.cached("b")
        assert row is not None and row.outputs["same"].digest == Note("one").digest
        attempt = store.begin_attempt(run_id, "c", "c")
        with pytest.raises(StoreError, match="not in the store"):
            store.commit(attempt, {"new": Staged("note", Note("two").digest)}, {}, "c")

    def test_a_zombie_commits_nothing(self, store: Store) -> None:
        """After a take-over the old token is void: commit, renew and fail answer LeaseLost, and nothing is recorded."""
        run_id = store.create_run("p", {})
        zombie = store.begin_attempt(run_id, "a", "k")
        staged = self.stage(zombie, "out", Note("one"))
        assert store.take_run(run_id) == [zombie.id]
        for late in (
            lambda: store.commit(zombie, {"out": staged}, {}, "k"),
            zombie.renew,
            lambda: store.fail(zombie, "late"),
        ):
            with pytest.raises(LeaseLost):
                late()
        assert store.cached("k") is None
        assert [row.state for row in store.attempts(run_id)] == ["lost"]
        self.make(store, run_id, "a", Note("one"), key="k")
        assert store.cached("k") is not None

    def test_a_step_being_attempted_is_not_attempted_twice(self, store: Store) -> None:
        """While a living process is at a step, another attempt at it is refused."""
        run_id = store.create_run("p", {})
        store.begin_attempt(run_id, "a", "k")
        with pytest.raises(StoreBusy, match="attempted already"):
            store.begin_attempt(run_id, "a", "k")

    def test_an_attempt_travels_as_plain_data(self, store: Store, tmp_path: Path) -> None:
        """Whoever holds the token may renew and commit, from any process."""
        run_id = store.create_run("p", {})
        begun = store.begin_attempt(run_id, "a", "k")
        with self.open_store(tmp_path) as other:
            attempt = other.attach(begun.to_plain())
            assert attempt == begun and attempt.folder == begun.folder
            before = other.lease(attempt.id)
            attempt.renew()
            after = other.lease(attempt.id)
            assert before is not None and after is not None and after.expires_us >= before.expires_us
            other.commit(attempt, {"out": self.stage(attempt, "out", Note("one"))}, {}, "k")
        assert store.cached("k") is not None
        with pytest.raises(LeaseLost):
            begun.renew()

    def test_reuse_is_recorded_with_its_source(self, store: Store) -> None:
        """A cache hit is this run's attempt at the step, and says whose outputs it has."""
        first = store.create_run("p", {})
        made = self.make(store, first, "a", Note("one"), key="k")
        second = store.create_run("p", {})
        assert store.reuse(second, "a", "other key") is None
        assert store.reuse(second, "a", "k") is not None
        (row,) = store.attempts(second)
        assert (row.state, row.source_id, row.outputs["out0"].digest) == ("cached", made.id, Note("one").digest)

    def test_what_a_key_is_made_of_is_recorded(self, store: Store) -> None:
        """Parts stay with the key, notes are those of the newest attempt; a step's attempts are found across runs."""
        first = store.create_run("p", {})
        attempt = store.begin_attempt(first, "a", "k", parts={"call": "f"}, notes={"line": 1})
        store.commit(attempt, {}, {}, "k")
        assert store.key_parts("other") is None
        second = store.create_run("p", {})
        store.reuse(second, "a", "k", parts={"call": "f"}, notes={"line": 2})
        found = store.key_parts("k")
        assert found is not None and (found.parts, found.notes) == ({"call": "f"}, {"line": 2})
        self.make(store, store.create_run("q", {}), "a")
        assert [row.run_id for row in store.attempts_of("p", "a")] == [second, first]
        assert [row.run_id for row in store.attempts_of("p", "a", limit=1)] == [second]
        assert [run.run_id for run in store.runs(prefix=first[:-1])] == [first]

    def test_what_was_let_pass_is_recorded_once(self, store: Store) -> None:
        """A waiver is committed with the attempt that used it, told as an event, and part of the snapshot."""
        run_id = store.create_run("p", {})
        waived = Waived("raw", "d1", "range:x", "Ann", "known")
        attempt = store.begin_attempt(run_id, "validate", "k")
        store.commit(attempt, {}, {}, "k", waived=[waived])
        store.reuse(run_id, "validate", "k", waived=[waived])
        assert store.snapshot("p", streams={"raw": []}).waived == {"raw": (waived,)}
        assert store.snapshot("q", streams={"raw": []}).waived == {"raw": ()}
        told = [event.body for event in store.events(run_id) if event.kind == "finding-waived"]
        assert [(body["name"], body["by"], body["because"]) for body in told] == [("range:x", "Ann", "known")]

    def test_blocked_steps_are_recorded(self, store: Store) -> None:
        """A step that cannot start because its input was withheld says so."""
        run_id = store.create_run("p", {})
        store.block(run_id, "push", "k", "gate said no")
        store.block(run_id, "tell", "k", "rows < 10", is_skipped=True)
        told = [(row.state, row.reason) for row in store.attempts(run_id)]
        assert told == [("blocked", "gate said no"), ("skipped", "rows < 10")]

    def test_the_cache_checks_that_the_files_exist(self, store: Store) -> None:
        """A hit on deleted or truncated files would be a lie; a rerun brings them back."""
        run_id = store.create_run("p", {})
        self.make(store, run_id, "a", Note("one"), key="k")
        file = store.artifact_folder(Note("one").digest) / "note.txt"
        for damage in (lambda: file.write_bytes(b""), file.unlink, lambda: disk.remove_folder(file.parent)):
            damage()
            assert store.cached("k") is None
            assert [problem.digest for problem in store.verify()] == [Note("one").digest]
            self.make(store, run_id, "a", Note("one"), key="k")
            assert store.cached("k") is not None and store.verify() == []

    def test_verify_reads_the_bytes(self, store: Store) -> None:
        """A flipped byte of the right size is found, with its file."""
        run_id = store.create_run("p", {})
        self.make(store, run_id, "a", Note("one"))
        (store.artifact_folder(Note("one").digest) / "note.txt").write_bytes(b"onE")
        (problem,) = store.verify()
        assert (problem.file, "sha256" in problem.what) == ("note.txt", True)

    def test_objects_are_saved_and_loaded_by_kind(self, store: Store) -> None:
        """`save_artifact` is idempotent; loading as another kind is refused; a path is no digest."""
        saved = store.save_artifact(Note("one"))
        assert store.save_artifact(Note("one")) == saved == Note("one").digest
        assert store.artifact(saved) == Artifact("note", saved)
        store.save_artifact(Note("a model", kind="model"))
        with pytest.raises(InvalidInput, match="is a model; expected a note"):
            store.load_artifact(Note("a model", kind="model").digest, Note)
        for bad in ("../../etc/passwd", "", "A" * 64, "0" * 63, "0" * 64 + "\n"):
            with pytest.raises(InvalidInput, match="not a digest"):
                store.artifact_folder(bad)

    def test_runs_are_listed_newest_first(self, store: Store) -> None:
        """Listing filters by pipeline and state, and stops at the limit."""
        ids = [store.create_run(name, {}) for name in ("p", "q", "p")]
        store.finish_run(ids[0], "succeeded")
        assert [row.run_id for row in store.runs()] == ids[::-1]
        assert [row.run_id for row in store.runs(pipeline="p", state="succeeded")] == [ids[0]]
        assert [row.run_id for row in store.runs(limit=1)] == [ids[2]]
        with pytest.raises(UnknownName, match="no run named 'nope'"):
            store.run("nope")

    def test_a_finished_run_is_nobody_s(self, store: Store) -> None:
        """Its lease is gone, its end is recorded; finishing twice, or as "running", is refused."""
        run_id = store.create_run("p", {})
        lease = store.lease(run_id)
        assert lease is not None and store.is_alive(lease)
        with pytest.raises(InvalidInput, match="how a run ends"):
            store.finish_run(run_id, "running")
        store.finish_run(run_id, "rejected")
        assert store.lease(run_id) is None and not store.is_alive(None)
        assert store.run(run_id).state == "rejected" and store.run(run_id).ended_us is not None
        with pytest.raises(LeaseLost):
            store.finish_run(run_id, "failed")
        assert store.take_run(run_id) == [] and store.run(run_id).state == "running"

    def test_cancelling_is_a_request(self, store: Store) -> None:
        """The process that runs it sees the request; taking the run over again withdraws it."""
        run_id = store.create_run("p", {})
        assert not store.run(run_id).is_cancel_requested
        store.request_cancel(run_id)
        assert store.run(run_id).is_cancel_requested
        store.take_run(run_id)
        assert not store.run(run_id).is_cancel_requested

    def test_events_only_grow(self, store: Store) -> None:
        """They are read in order, from any point on."""
        store.append_event("alert", {"feature": "x", "value": float("inf")})
        store.append_event("alert", {"feature": "y"})
        first, second = store.events()
        assert first.event_id < second.event_id and first.body == {"feature": "x", "value": float("inf")}
        assert store.events(after=first.event_id) == [second]

    def push(self, store: Store, text: str, expected: int | None, run_id: str | None = None) -> int:
        """Push a model that says `text` to the endpoint "late"."""
        model = store.save_artifact(Note(text, kind="model"))
        verdict = store.save_artifact(Note(f"verdict on {text}", kind="verdict"))
        return store.push("late", model, verdict, expected_version=expected, run_id=run_id)

    def test_versions_count_up_and_equal_pushes_move_nothing(self, store: Store) -> None:
        """A model that is or was a version keeps it, whatever was expected: a repeated run undoes no later decision."""
        assert store.endpoint("late") is None and store.endpoints() == []
        assert self.push(store, "one", None) == 1
        assert self.push(store, "one", None) == 1
        assert self.push(store, "two", 1) == 2
        assert self.push(store, "one", 2) == 1
        assert [move.replaced for move in store.moves("late")] == [None, 1]
        assert [endpoint.version for endpoint in store.endpoints()] == [2]

    def test_push_compares_before_it_sets(self, store: Store) -> None:
        """Judged against another version than the live one: nothing moves, and the message says what to do."""
        self.push(store, "one", None)
        for expected in (None, 2):
            with pytest.raises(
                ChampionMoved, match=r"champion moved: endpoint 'late' serves version 1.*evaluate again"
            ):
                self.push(store, "two", expected)
        live = store.endpoint("late")
        assert live is not None and live.version == 1 and len(store.moves("late")) == 1

    def test_of_many_racing_pushes_one_wins(self, store: Store) -> None:
        """Ten threads push ten models judged against the same version: one version is made."""
        self.push(store, "one", None)
        won: list[int] = []
        lost: list[ChampionMoved] = []

        def push(text: str) -> None:
            try:
                won.append(self.push(store, text, 1))
            except ChampionMoved as error:
                lost.append(error)

        threads = [threading.Thread(target=push, args=(f"model {index}",)) for index in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert won == [2] and len(lost) == 9

    def test_rolling_back_is_one_more_entry(self, store: Store) -> None:
        """The log keeps what happened; the next version still counts up; unknown versions are named."""
        self.push(store, "one", None)
        self.push(store, "two", 1)
        store.roll_back("late", 1, reason="alert")
        store.roll_back("late", 1, reason="again")
        live = store.endpoint("late")
        assert live is not None and (live.version, live.model_digest) == (1, Note("one", kind="model").digest)
        assert [(move.version, move.action, move.reason) for move in store.moves("late")] == [
            (1, "push", ""),
            (2, "push", ""),
            (1, "rollback", "alert"),
        ]
        assert self.push(store, "three", 1) == 3
        with pytest.raises(UnknownName, match=r"no version of endpoint 'late' named '9'.*1, 2, 3"):
            store.roll_back("late", 9)
        with pytest.raises(UnknownName, match="did you mean 'late'"):
            store.roll_back("lat", 1)

    def test_only_a_model_of_this_store_is_pushed(self, store: Store) -> None:
        """Something that is not here, is no model, or a name that could be a path, is refused."""
        verdict = store.save_artifact(Note("v", kind="verdict"))
        with pytest.raises(StoreError, match="no model"):
            store.push("late", digest("nothing"), verdict, expected_version=None)
        with pytest.raises(InvalidInput, match="is a verdict; expected a model"):
            store.push("late", verdict, verdict, expected_version=None)
        for bad in ("", "../late", "a b", "-x", "a/b", "x" * 64, "late\n", "é"):
            with pytest.raises(InvalidInput, match="not an endpoint's name"):
                store.push(bad, verdict, verdict, expected_version=None)

    def accept(self, store: Store, run_id: str, spans: tuple[str, ...], schema: str, rows: str = "data") -> Accepted:
        """Commit a step that accepts a data set of these spans under a schema."""
        dataset = Note(f"{rows} {','.join(spans)}", kind="dataset")
        item = Accepted("raw", dataset.digest, Note(schema).digest, spans)
        attempt = store.begin_attempt(run_id, "validate", digest([list(spans), schema, rows]))
        outputs = {
            "dataset": self.stage(attempt, "dataset", dataset),
            "schema": self.stage(attempt, "schema", Note(schema)),
        }
        store.commit(attempt, outputs, {}, attempt.key, accepted=[item])
        return item

    def test_a_snapshot_resolves_previous_and_schema(self, store: Store) -> None:
        """Previous = the newest accepted that ends before this one, by the numbers in the names, not by arrival."""
        run_id = store.create_run("p", {})
        ninth = self.accept(store, run_id, ("day 8", "day 9"), "schema 1")
        tenth = self.accept(store, run_id, ("day 9", "day 10"), "schema 2")
        early = self.accept(store, run_id, ("day 1", "day 2"), "schema 3")
        assert store.streams() == [("p", "raw")]
        found = store.snapshot("p", streams={"raw": ["day 10", "day 11"], "other": ["day 1"]})
        assert found.previous == {"raw": tenth, "other": None}
        assert found.accepted == {"raw": early, "other": None}
        assert store.snapshot("p", streams={"raw": ["day 9", "day 10"]}).previous["raw"] == ninth
        assert store.snapshot("p", streams={"raw": ["day 2"]}).previous["raw"] is None
        assert store.snapshot("q", streams={"raw": ["day 11"]}).previous["raw"] is None

    def test_an_earlier_delivery_stands_in_for_a_previous_data_set(self, store: Store) -> None:
        """Where nothing ends before: the last of just these spans accepted before this content was, if asked."""

        def deliver(rows: str) -> Accepted:
            run_id = store.create_run("p", {}, resolved={"raw": {"identity": rows}})
            return self.accept(store, run_id, ("all",), "schema", rows)

        def previous(identity: str, *spans: str) -> Accepted | None:
            streams = {"raw": spans or ("all",)}
            return store.snapshot("p", streams=streams, identities={"raw": identity}).previous["raw"]

        assert previous("one") is None
        one = deliver("one")
        assert previous("one") is None and previous("two") == one
        two = deliver("two")
        assert (previous("two"), previous("one"), previous("three")) == (one, None, two)
        deliver("one")
        assert (previous("one"), previous("two"), previous("three")) == (None, one, one)
        assert previous("three", "aaa") is None
        assert store.snapshot("p", streams={"raw": ["all"]}).previous["raw"] is None

    def test_a_plan_does_not_have_to_beat_itself(self, store: Store) -> None:
        """Champion = the live version; if this very plan ever made a version, the one that replaced."""
        first = store.create_run("p", {"depth": 6})
        self.push(store, "one", None, first)
        second = store.create_run("p", {"depth": 8})
        self.push(store, "two", 1, second)

        def champion(run_id: str) -> int | None:
            found = store.snapshot("p", plan_id=store.run(run_id).plan_id, endpoints=["late"])
            assert found.live["late"] is not None and found.live["late"].version == 2
            best = found.champions["late"]
            return None if best is None else best.version

        assert (champion(first), champion(second)) == (None, 1)
        nothing = store.snapshot("p", endpoints=["none"])
        assert (nothing.live, nothing.champions) == ({"none": None}, {"none": None})

    def test_any_thread_may_use_it(self, store: Store) -> None:
        """Many threads commit steps at once; each commit is there, once."""
        run_id = store.create_run("p", {})
        errors: list[BaseException] = []

        def work(index: int) -> None:
            try:
                self.make(store, run_id, f"step {index}", Note(f"own {index}"), Note("shared"), key=f"k{index}")
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(index,)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert all(store.cached(f"k{index}") for index in range(8)) and store.verify() == []

    def test_reading_only_changes_nothing(self, store: Store, tmp_path: Path) -> None:
        """A read-only store sees commits of others as they happen, and every call that writes is refused."""
        run_id = store.create_run("p", {})
        with self.open_store(tmp_path, read_only=True) as reader:
            assert reader.cached("k") is None
            self.make(store, run_id, "a", Note("one"), key="k")
            assert reader.cached("k") is not None
            self.push(store, "one", None)
            live = reader.endpoint("late")
            assert live is not None and live.version == 1
            for write in (
                lambda: reader.create_run("p", {}),
                lambda: reader.save_artifact(Note("new")),
                lambda: reader.append_event("x", {}),
                lambda: reader.roll_back("late", 1),
            ):
                with pytest.raises(StoreError, match="read only"):
                    write()

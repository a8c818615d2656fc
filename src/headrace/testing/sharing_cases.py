"""Conformance of sharing: several processes work on one store, each step is worked on once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import LeaseLost, StoreBusy
from headrace.store import Attempt, Store

__all__ = ["SharingCases"]


class SharingCases:
    """Inherit in a test class and give `open_store`, as for StoreCases."""

    def open_store(self, place: Path, **options: Any) -> Store:
        """A store in (or named after) the empty folder `place`; the same place opens the same store again."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        """A new, empty store."""
        with self.open_store(tmp_path) as store:
            yield store

    def test_a_queued_run_waits_for_whoever_takes_it(self, store: Store) -> None:
        """It has no lease until one process takes it; who looks for queued runs only cannot take it again."""
        run_id = store.create_run("p", {}, is_queued=True, trigger={"by": "up"})
        assert (store.run(run_id).state, store.lease(run_id)) == ("queued", None)
        assert store.events(run_id)[0].body == {"pipeline": "p", "trigger": {"by": "up"}}
        with pytest.raises(LeaseLost):
            store.finish_run(run_id, "succeeded")
        assert store.take_run(run_id, only=["queued"]) == []
        assert store.run(run_id).state == "running"
        with pytest.raises(StoreBusy, match="is running; expected queued"):
            store.take_run(run_id, only=["queued"])

    def test_a_released_run_is_queued_again(self, store: Store) -> None:
        """Our attempts at it are lost and commit nothing; what was done stays."""
        run_id = store.create_run("p", {})
        done = store.begin_attempt(run_id, "a", "k")
        store.commit(done, {}, {}, "k")
        attempt = store.begin_attempt(run_id, "b", "l")
        store.release_run(run_id)
        assert (store.run(run_id).state, store.lease(run_id)) == ("queued", None)
        assert [(row.state, row.reason) for row in store.attempts(run_id)] == [
            ("succeeded", None),
            ("lost", "its worker was stopped"),
        ]
        with pytest.raises(LeaseLost):
            store.commit(attempt, {}, {}, "l")
        with pytest.raises(LeaseLost):
            store.release_run(run_id)

    def test_a_step_is_joined_once(self, store: Store) -> None:
        """An attempt begins only if nobody has begun one since the caller looked, however that one ended."""
        run_id = store.create_run("p", {})

        def join(number: int, **options: Any) -> Attempt | None:
            return store.join_attempt(run_id, "a", "k", number=number, at_most=9, **options)

        first = join(1)
        assert first is not None
        assert join(1) is None and join(2) is None and join(2, is_helper=True) is None
        store.fail(first, "no luck")
        assert join(1) is None
        second = join(2, is_helper=True)
        assert second is not None
        store.commit(second, {}, {}, "k")
        assert join(2) is None
        assert [(row.number, row.state) for row in store.attempts(run_id)] == [(1, "failed"), (2, "succeeded")]

    def test_many_ask_and_one_begins(self, store: Store) -> None:
        """Threads that ask for the same step at once get one attempt between them."""
        run_id = store.create_run("p", {})
        begun: list[Attempt | None] = []

        def ask() -> None:
            begun.append(store.join_attempt(run_id, "a", "k", number=1, at_most=99))

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(begun) == 8 and sum(attempt is not None for attempt in begun) == 1

    def test_room_is_counted_from_leases(self, store: Store) -> None:
        """A process has so many attempts running at most; one that ends makes room, in whichever run."""
        runs = [store.create_run("p", {}) for _ in range(3)]
        begun = [store.join_attempt(run_id, "a", "k", number=1, at_most=2) for run_id in runs]
        assert [attempt is not None for attempt in begun] == [True, True, False]
        assert store.num_held() == 2
        assert begun[0] is not None
        store.fail(begun[0], "no luck")
        assert store.num_held() == 1
        assert store.join_attempt(runs[2], "a", "k", number=1, at_most=2) is not None

    def test_nobody_helps_a_run_that_is_over(self, store: Store) -> None:
        """A helper begins nothing in a run that is queued, cancelled or finished."""
        run_id = store.create_run("p", {}, is_queued=True)

        def help_with(step: str) -> Attempt | None:
            return store.join_attempt(run_id, step, "k", number=1, at_most=9, is_helper=True)

        assert help_with("a") is None
        store.take_run(run_id)
        assert help_with("a") is not None
        store.request_cancel(run_id)
        assert help_with("b") is None
        store.finish_run(run_id, "cancelled")
        assert help_with("c") is None

    def test_a_forgotten_attempt_is_fenced(self, store: Store) -> None:
        """Its holder finds out when it asks, or when it would commit; one that has ended is left alone."""
        run_id = store.create_run("p", {})
        attempt = store.begin_attempt(run_id, "a", "k")
        assert store.is_held(attempt)
        store.forget_attempt(attempt.id, "the run was cancelled")
        assert not store.is_held(attempt)
        with pytest.raises(LeaseLost):
            store.commit(attempt, {}, {}, "k")
        done = store.begin_attempt(run_id, "a", "k")
        store.commit(done, {}, {}, "k")
        store.forget_attempt(done.id, "too late")
        assert [(row.state, row.reason) for row in store.attempts(run_id)] == [
            ("lost", "the run was cancelled"),
            ("succeeded", None),
        ]

    def test_cancelling_what_nobody_works_on_is_done_at_once(self, store: Store) -> None:
        """A queued run is cancelled then and there; a living one is asked; one that has ended stays as it ended."""
        queued, living, ended = (
            store.create_run("p", {}, is_queued=True),
            store.create_run("p", {}),
            store.create_run("p", {}),
        )
        store.finish_run(ended, "succeeded")
        assert [store.request_cancel(run_id) for run_id in (queued, living, ended)] == [
            "cancelled",
            "running",
            "succeeded",
        ]
        assert [store.run(run_id).state for run_id in (queued, living, ended)] == ["cancelled", "running", "succeeded"]
        assert not store.run(ended).is_cancel_requested

    def test_an_urgent_cancel_is_told_apart(self, store: Store) -> None:
        """It may follow a patient one; whoever takes the run up later starts afresh."""
        run_id = store.create_run("p", {})
        store.request_cancel(run_id)
        assert not store.is_cancel_urgent(run_id)
        store.request_cancel(run_id, is_urgent=True)
        assert store.is_cancel_urgent(run_id)
        store.take_run(run_id)
        assert not store.is_cancel_urgent(run_id)

    def test_processes_say_that_they_are_there(self, store: Store) -> None:
        """Each once, under its role, until it leaves."""
        assert store.announced("worker") == []
        store.announce("worker")
        store.announce("worker")
        assert len(store.announced("worker")) == 1 and store.announced("work") == []
        store.withdraw("worker")
        assert store.announced("worker") == []

    def test_the_newest_event_of_a_kind(self, store: Store) -> None:
        """It is found by what its body says; None when there was none."""
        for number, pipeline in enumerate(("p", "q", "p")):
            store.append_event("tick", {"pipeline": pipeline, "number": number})
        store.append_event("alert", {"pipeline": "p"})
        found = store.newest_event("tick", pipeline="p")
        assert found is not None and found.body["number"] == 2
        assert store.newest_event("tick", pipeline="r") is None

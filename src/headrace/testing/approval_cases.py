"""Conformance of approvals: what persons are asked and answer, and what is to be told: appended, one digest each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import InvalidInput, LeaseLost, StoreError
from headrace.store import Store

__all__ = ["ApprovalCases"]

_ASKED: dict[str, Any] = {"subject": "s1", "question": "fair?", "about": {"thing": "d1"}}
_NOTICE = {"kind": "failed", "state": "failed"}


class ApprovalCases:
    """Inherit in a test class and give `open_store`, as for StoreCases."""

    def open_store(self, place: Path, **options: Any) -> Store:
        """A store in (or named after) the empty folder `place`; the same place opens the same store again."""
        raise NotImplementedError

    @pytest.fixture
    def store(self, tmp_path: Path) -> Any:
        """A new, empty store."""
        with self.open_store(tmp_path) as store:
            yield store

    @staticmethod
    def asking(store: Store, **more: Any) -> str:
        """A run that waits for a person."""
        run_id = store.create_run("p", {"steps": []})
        assert store.ask(run_id, "approval", "k", **_ASKED | more)
        assert store.rest_run(run_id)
        return run_id

    def test_a_run_waits_and_an_answer_queues_it(self, store: Store) -> None:
        """Asked twice it is recorded once; the lease is given up; the answer is found by its subject alone."""
        run_id = store.create_run("p", {"steps": []})
        assert store.ask(run_id, "approval", "k", inputs={"gate.leave": "d1"}, **_ASKED)
        assert not store.ask(run_id, "approval", "k", **_ASKED)
        (row,) = store.attempts(run_id)
        assert (row.state, row.reason, row.result) == ("waiting", "fair?", {"approval": _ASKED})
        assert store.rest_run(run_id)
        assert (store.run(run_id).state, store.lease(run_id)) == ("waiting", None)
        assert store.answered("p", "approval", "s1") is None
        given = store.answer(run_id, "approval", is_approved=True, by="Ann", because="fine")
        assert (given.inputs, given.run_id, given.is_approved) == ({"thing": "d1"}, run_id, True)
        assert store.run(run_id).state == "queued" and store.run(run_id).ended_us is None
        assert store.answered("p", "approval", "s1") == given
        for other in (("q", "approval", "s1"), ("p", "other", "s1"), ("p", "approval", "s2")):
            assert store.answered(*other) is None
        assert [event.kind for event in store.events(run_id)][-2:] == ["approval-answered", "run-released"]

    def test_a_run_that_was_answered_does_not_rest(self, store: Store) -> None:
        """An answer that comes while the run still goes on is not slept through."""
        run_id = store.create_run("p", {"steps": []})
        store.ask(run_id, "approval", "k", **_ASKED)
        store.answer(run_id, "approval", is_approved=True, by="Ann")
        assert store.run(run_id).state == "running"
        assert not store.rest_run(run_id)
        assert store.run(run_id).state == "running"

    def test_asking_again_about_something_else(self, store: Store) -> None:
        """Another key is another question, with a row of its own; the newest is what an answer is for."""
        run_id = store.create_run("p", {"steps": []})
        store.ask(run_id, "approval", "k1", **_ASKED)
        assert store.ask(run_id, "approval", "k2", **_ASKED | {"subject": "s2"})
        with pytest.raises(InvalidInput, match="something else by now"):
            store.answer(run_id, "approval", is_approved=True, by="Ann", subject="s1")
        assert store.answer(run_id, "approval", is_approved=True, by="Ann", subject="s2").subject == "s2"
        assert store.answered("p", "approval", "s1") is None

    def test_what_a_refused_answer_leaves(self, store: Store) -> None:
        """Nothing: neither a row nor another state."""
        run_id = self.asking(store)
        before = store.newest_event_id()
        for step, subject in (("other", None), ("approval", "s9")):
            with pytest.raises(InvalidInput):
                store.answer(run_id, step, is_approved=True, by="Ann", subject=subject)
        assert (store.newest_event_id(), store.run(run_id).state, store.approvals()) == (before, "waiting", [])
        store.answer(run_id, "approval", is_approved=False, by="Ann", because="no")
        with pytest.raises(InvalidInput, match="rejected by Ann already: no"):
            store.answer(run_id, "approval", is_approved=False, by="Bob", is_overruling=True)
        assert store.answer(run_id, "approval", is_approved=True, by="Bob", is_overruling=True).by == "Bob"
        assert [row.by for row in store.approvals()] == ["Bob", "Ann"]
        assert store.approvals(pipeline="q") == []

    def test_all_that_ask_the_same_have_the_answer(self, store: Store) -> None:
        """Two equal runs wait; one answer queues both, and no run with another question."""
        first, second = self.asking(store), self.asking(store)
        other = self.asking(store, subject="s2")
        store.answer(first, "approval", is_approved=True, by="Ann")
        assert [store.run(run_id).state for run_id in (first, second, other)] == ["queued", "queued", "waiting"]

    def test_a_question_expires_for_its_run_alone(self, store: Store) -> None:
        """Once, when its time is over and nobody has answered; another run that asks the same still waits."""
        never, late = self.asking(store), self.asking(store, timeout_s=0.2)
        (row,) = store.attempts(late)
        assert row.result == {"approval": _ASKED | {"timeout_s": 0.2}}
        assert not store.expire(late, "approval") or time.time_ns() // 1000 - row.started_us >= 200_000
        time.sleep(0.25)
        assert not store.expire(never, "approval") and not store.expire(late, "other")
        store.expire(late, "approval")
        assert not store.expire(late, "approval")
        assert [store.run(run_id).state for run_id in (never, late)] == ["waiting", "queued"]
        (found,) = store.approvals()
        assert (found.is_expired, found.is_approved, found.run_id) == (True, False, late)
        assert store.answered("p", "approval", "s1") is None
        assert store.answered("p", "approval", "s1", run_id=late) == found
        given = store.answer(never, "approval", is_approved=True, by="Ann")
        assert store.answered("p", "approval", "s1", run_id=late) == given

    def test_only_the_owner_asks_and_rests(self, store: Store, tmp_path: Path) -> None:
        """A run that another process has is not ours to put to rest."""
        run_id = store.create_run("p", {"steps": []})
        store.disown()
        with pytest.raises(LeaseLost):
            store.ask(run_id, "approval", "k", **_ASKED)
        with pytest.raises(LeaseLost):
            store.rest_run(run_id)
        with (
            self.open_store(tmp_path, read_only=True) as reading,
            pytest.raises(StoreError, match="read only"),
        ):
            reading.answer(run_id, "approval", is_approved=True, by="Ann")

    def test_a_waiting_run_can_be_cancelled(self, store: Store) -> None:
        """Nobody works on it, so it is cancelled then and there; its question is answered no more."""
        run_id = self.asking(store)
        assert store.request_cancel(run_id) == "cancelled" == store.run(run_id).state
        with pytest.raises(InvalidInput, match="cancelled"):
            store.answer(run_id, "approval", is_approved=True, by="Ann")

    def test_notices_are_told_in_order_and_once(self, store: Store) -> None:
        """Recorded with the end of a run, taken by one, gone when told; a run without one leaves none."""
        runs = [store.create_run("p", {"steps": []}) for _ in range(3)]
        store.finish_run(runs[0], "failed", notice=_NOTICE)
        store.finish_run(runs[1], "succeeded")
        store.ask(runs[2], "approval", "k", **_ASKED)
        store.rest_run(runs[2], notice={"kind": "waiting", "state": "waiting"})
        first, second = store.take_notice(), store.take_notice()
        assert first is not None and second is not None
        assert (first.run_id, first.body, first.num_tries) == (runs[0], _NOTICE, 1)
        assert second.run_id == runs[2] and store.take_notice() is None
        store.end_notice(first, {"told": ["webhook a"]})
        store.disown()
        again = store.take_notice()
        assert again is not None
        assert (again.notice_id, again.num_tries) == (second.notice_id, 2)
        store.end_notice(again, {"told": []})
        store.disown()
        assert store.take_notice() is None
        assert [event.body for event in store.events(runs[0]) if event.kind == "run-told"] == [{"told": ["webhook a"]}]

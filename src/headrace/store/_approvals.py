"""Approvals: what persons were asked, and what they answered, for one digest each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.store import _lease, points
from headrace.store._database import Connection
from headrace.store._keys import write_key
from headrace.store._records import decode, encode
from headrace.store._sharing import Sharing

__all__ = ["ApprovalRow", "Approvals"]

_COLUMNS = (
    "approval_id, pipeline, approvals.step, subject, approvals.inputs, is_approved, who, approvals.reason, run_id,"
    " time_us"
)


@dataclass(frozen=True)
class ApprovalRow:
    """What a person answered to a step that asked; rows are only ever appended, the newest of a subject counts.

    Parameters
    ----------
    approval_id : int
        Counts up.
    pipeline, step : str
        Which step of which pipeline asked.
    subject : str
        The digest of what was asked about, and of the question: of another digest nobody was asked.
    inputs : dict of str to str
        What that was: name -> digest.
    is_approved : bool
        The answer.
    by, because : str
        Who answered, and why.
    run_id : str
        The run in which it was asked.
    time_us : int
        When, UTC epoch microseconds.
    """

    approval_id: int
    pipeline: str
    step: str
    subject: str
    inputs: dict[str, str]
    is_approved: bool
    by: str
    because: str
    run_id: str
    time_us: int


class Approvals(Sharing):
    """The part of a Store that keeps what persons were asked and answered."""

    def ask(
        self,
        run_id: str,
        step: str,
        key: str,
        *,
        subject: str,
        question: str,
        about: Mapping[str, str],
        inputs: Mapping[str, Any] | None = None,
        parts: Mapping[str, Any] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> bool:
        """Record that a step of our run waits for a person: an attempt in the state "waiting".

        Parameters
        ----------
        run_id, step, key : str
            What waits.
        subject : str
            The digest that an answer will be bound to.
        question : str
            What the person is asked, in words; "" = whether it may go on.
        about : mapping of str to str
            What is asked about: name -> digest.
        inputs, parts, notes : mapping
            As `begin_attempt` takes them.

        Returns whether it is new: asked again about the same, nothing is recorded. Raises LeaseLost when the run is
        another's.
        """
        attempt_id = uuid.uuid4().hex
        asked = {"subject": subject, "question": question, "about": dict(about)}
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            newest = self._newest(connection, run_id, step)
            if newest is not None and newest[1:3] == ("waiting", key):
                return False
            result = {"approval": asked}
            self._insert(
                connection, attempt_id, run_id, step, key, "waiting", inputs=inputs, result=result, reason=question
            )
            write_key(connection, key, parts, notes)
            self._append(connection, "approval-asked", {"step": step, **asked}, run_id=run_id, attempt_id=attempt_id)
        points.reach("approval-asked")
        return True

    def answer(
        self,
        run_id: str,
        step: str,
        *,
        is_approved: bool,
        by: str,
        because: str = "",
        subject: str | None = None,
        is_overruling: bool = False,
    ) -> ApprovalRow:
        """Record a person's answer to a step that waits; runs that waited for it go back into the queue with it.

        Parameters
        ----------
        run_id, step : str
            What asked.
        is_approved : bool
            The answer.
        by, because : str
            Who answers for it, and why.
        subject : str, optional
            What the person was shown; when the step asks about something else by now, nothing is recorded.
        is_overruling : bool
            Whether an earlier no to the same is answered anew.

        Raises InvalidInput for a step that does not wait, or was answered. All of it is one transaction.
        """
        with self._database.write() as connection:
            run = self._run_row(connection, run_id)
            newest = self._newest(connection, run_id, step)
            given = None if newest is None else decode(newest[3] or "{}").get("approval")
            if newest is None or given is None:
                raise self._not_waiting(connection, run_id, step, "" if newest is None else newest[1])
            if subject not in (None, given["subject"]):
                raise InvalidInput(
                    f"step {step!r} asks about something else by now",
                    where=f"run {run_id}",
                    expected=f"an answer about {given['subject'][:12]}, not {str(subject)[:12]}",
                    fix="look again, then answer",
                )
            before = self._answered(connection, run.pipeline, step, given["subject"])
            if before is not None and not (is_overruling and not before.is_approved and is_approved):
                raise _answered(before, run_id)
            if newest[1] != "waiting" and not is_overruling:
                raise self._not_waiting(connection, run_id, step, newest[1])
            if run.state == "cancelled":
                raise InvalidInput(
                    f"run {run_id} was cancelled: nothing of it waits", fix=f"headrace resume {run_id} asks again"
                )
            time_us = _lease.now_us()
            connection.execute(
                "INSERT INTO approvals (pipeline, step, subject, inputs, is_approved, who, reason, attempt_id, time_us)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.pipeline,
                    step,
                    given["subject"],
                    encode(given["about"]),
                    int(is_approved),
                    by,
                    because,
                    newest[0],
                    time_us,
                ),
            )
            body = {"step": step, "subject": given["subject"], "is_approved": is_approved, "by": by, "because": because}
            self._append(connection, "approval-answered", body, run_id=run_id, attempt_id=newest[0])
            released = self._asking(connection, run.pipeline, step, given["subject"])
            if is_overruling and run.state in ("rejected", "failed"):
                released.append(run_id)
            for name in released:
                connection.execute("UPDATE runs SET state = 'queued', ended_us = NULL WHERE run_id = ?", (name,))
                self._append(connection, "run-released", {}, run_id=name)
            found = self._answered(connection, run.pipeline, step, given["subject"])
        points.reach("approval-answered")
        assert found is not None
        return found

    def answered(self, pipeline: str, step: str, subject: str) -> ApprovalRow | None:
        """The newest answer about a subject, or None while there is none. Cost: one look into an index."""
        with self._database.read() as connection:
            return self._answered(connection, pipeline, step, subject)

    def approvals(self, *, pipeline: str | None = None, limit: int = 100) -> list[ApprovalRow]:
        """Answers, newest first, at most `limit`; of one pipeline when it is named."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM approvals JOIN attempts USING (attempt_id)"  # noqa: S608  # our own constant
                " WHERE :pipeline IS NULL OR pipeline = :pipeline ORDER BY approval_id DESC LIMIT :limit",
                {"pipeline": pipeline, "limit": limit},
            ).fetchall()
        return [_to_row(row) for row in rows]

    def rest_run(self, run_id: str, *, notice: Mapping[str, Any] | None = None) -> bool:
        """End our run as "waiting", unless a step that waits has been answered meanwhile; returns whether it ended.

        `notice` is that of `finish_run`. Raises LeaseLost when the run is another's.
        """
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            pipeline = self._pipeline(connection, run_id)
            rows = connection.execute(
                "SELECT step, state, result FROM attempts WHERE run_id = ? ORDER BY started_us, rowid", (run_id,)
            ).fetchall()
            newest = {step: (state, result) for step, state, result in rows}
            for step, (state, result) in newest.items():
                if state == "waiting":
                    subject = decode(result)["approval"]["subject"]
                    if self._answered(connection, pipeline, step, subject) is not None:
                        return False
            self._finish(connection, run_id, "waiting", notice)
        points.reach("run-waiting")
        return True

    def _asking(self, connection: Connection, pipeline: str, step: str, subject: str) -> list[str]:
        """The runs that wait with this very question; several do where equal runs were begun."""
        rows = connection.execute(
            "SELECT run_id FROM runs WHERE pipeline = ? AND state = 'waiting' ORDER BY created_us", (pipeline,)
        ).fetchall()
        found = []
        for (run_id,) in rows:
            newest = self._newest(connection, run_id, step)
            asked = None if newest is None or newest[1] != "waiting" else decode(newest[3] or "{}").get("approval")
            if asked is not None and asked["subject"] == subject:
                found.append(run_id)
        return found

    @staticmethod
    def _newest(connection: Connection, run_id: str, step: str) -> tuple[str, str, str, str | None] | None:
        """The newest attempt at a step: id, state, key, result."""
        row: tuple[str, str, str, str | None] | None = connection.execute(
            "SELECT attempt_id, state, key, result FROM attempts WHERE run_id = ? AND step = ?"
            " ORDER BY number DESC LIMIT 1",
            (run_id, step),
        ).fetchone()
        return row

    @staticmethod
    def _answered(connection: Connection, pipeline: str, step: str, subject: str) -> ApprovalRow | None:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM approvals JOIN attempts USING (attempt_id)"  # noqa: S608  # our own constant
            " WHERE pipeline = ? AND approvals.step = ? AND subject = ? ORDER BY approval_id DESC LIMIT 1",
            (pipeline, step, subject),
        ).fetchone()
        return None if row is None else _to_row(row)

    def _not_waiting(self, connection: Connection, run_id: str, step: str, state: str) -> InvalidInput:
        rows = connection.execute(
            "SELECT step, state FROM attempts WHERE run_id = ? ORDER BY started_us, rowid", (run_id,)
        ).fetchall()
        waiting = [name for name, found in dict(rows).items() if found == "waiting"]
        return InvalidInput(
            f"step {step!r} does not wait for approval" + (f": it is {state}" if state else ""),
            where=f"run {run_id}",
            expected="a step that waits: " + (", ".join(waiting) or "none does"),
            fix=f"headrace status {run_id}",
        )


def _answered(before: ApprovalRow, run_id: str) -> InvalidInput:
    word = "approved" if before.is_approved else "rejected"
    return InvalidInput(
        f"step {before.step!r} was {word} by {before.by} already" + (f": {before.because}" if before.because else ""),
        where=f"run {run_id}",
        fix=f"headrace resume {run_id}"
        if before.is_approved
        else f"headrace approve {run_id} {before.step} --overrule, where the no was wrong",
    )


def _to_row(row: tuple[Any, ...]) -> ApprovalRow:
    return ApprovalRow(row[0], row[1], row[2], row[3], decode(row[4]), bool(row[5]), row[6], row[7], row[8], row[9])

"""Approvals: what persons were asked, and what they answered, for one digest each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from headrace.errors import InvalidInput
from headrace.progress import duration
from headrace.store import _lease, points
from headrace.store._asked import ApprovalRow, Asked
from headrace.store._contract import RunRow
from headrace.store._database import Connection
from headrace.store._keys import write_key
from headrace.store._records import decode, encode
from headrace.store._sharing import Sharing

__all__ = ["Approvals"]

_COLUMNS = (
    "approval_id, pipeline, approvals.step, subject, approvals.inputs, is_approved, who, approvals.reason, run_id,"
    " time_us"
)


class _Newest(NamedTuple):
    """The newest attempt at a step, as far as it matters here."""

    step: str
    attempt_id: str
    state: str
    key: str
    result: str | None
    started_us: int


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
        timeout_s: float | None = None,
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
        timeout_s : float, optional
            Seconds after which `expire` may end it; None = it waits for ever.
        inputs, parts, notes : mapping
            As `begin_attempt` takes them.

        Returns whether it is new: asked again about the same, nothing is recorded. Raises LeaseLost when the run is
        another's.
        """
        attempt_id = uuid.uuid4().hex
        asked = Asked(subject, question, dict(about), timeout_s).to_plain()
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            newest = self._newest(connection, run_id, step)
            if newest is not None and (newest.state, newest.key) == ("waiting", key):
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

        Raises InvalidInput for a step that does not wait, was answered, or whose time is over. All of it is one
        transaction.
        """
        with self._database.write() as connection:
            run = self._run_row(connection, run_id)
            newest = self._newest(connection, run_id, step)
            asked = None if newest is None else Asked.of(newest.result)
            if newest is None or asked is None:
                raise self._not_waiting(connection, run_id, step, "" if newest is None else newest.state)
            if subject not in (None, asked.subject):
                raise InvalidInput(
                    f"step {step!r} asks about something else by now",
                    where=f"run {run_id}",
                    expected=f"an answer about {asked.subject[:12]}, not {str(subject)[:12]}",
                    fix="look again, then answer",
                )
            before = self._answered(connection, run.pipeline, step, asked.subject, run_id)
            if before is not None and not (is_overruling and not before.is_approved and is_approved):
                raise _answered(before, run_id)
            if newest.state != "waiting" and not is_overruling:
                raise self._not_waiting(connection, run_id, step, newest.state)
            if run.state == "cancelled":
                raise InvalidInput(
                    f"run {run_id} was cancelled: nothing of it waits", fix=f"headrace resume {run_id} asks again"
                )
            if before is None and _is_over(asked, newest):
                raise _too_late(step, run_id, asked)
            released = self._asking(connection, run.pipeline, step, asked.subject)
            if is_overruling and run.state in ("rejected", "failed"):
                released.append(run_id)
            found = self._record(connection, run, newest, asked, is_approved, by, because, released)
        points.reach("approval-answered")
        return found

    def expire(self, run_id: str, step: str) -> bool:
        """Record that nobody answered a step in time: a no of nobody's, and the run goes back into the queue.

        Returns whether it did: not where the step does not wait, was answered, has no time-out, or has time left by
        this machine's clock. Another run that asks the same asks anew. All of it is one transaction.
        """
        with self._database.write() as connection:
            run = self._run_row(connection, run_id)
            newest = self._newest(connection, run_id, step)
            asked = None if newest is None or newest.state != "waiting" else Asked.of(newest.result)
            if newest is None or asked is None or asked.timeout_s is None or not _is_over(asked, newest):
                return False
            if run.state == "cancelled":
                return False
            if self._answered(connection, run.pipeline, step, asked.subject, run_id) is not None:
                return False
            because = f"nobody answered within {duration(asked.timeout_s)}"
            released = [run_id] if run.state == "waiting" else []
            self._record(connection, run, newest, asked, False, "", because, released)
        points.reach("approval-expired")
        return True

    def _record(
        self,
        connection: Connection,
        run: RunRow,
        newest: _Newest,
        asked: Asked,
        is_approved: bool,
        by: str,
        because: str,
        released: list[str],
    ) -> ApprovalRow:
        """Append an answer, and put the runs that waited for it back into the queue."""
        connection.execute(
            "INSERT INTO approvals (pipeline, step, subject, inputs, is_approved, who, reason, attempt_id, time_us)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run.pipeline,
                newest.step,
                asked.subject,
                encode(asked.about),
                int(is_approved),
                by,
                because,
                newest.attempt_id,
                _lease.now_us(),
            ),
        )
        body = {"step": newest.step, "subject": asked.subject, "is_approved": is_approved, "by": by, "because": because}
        self._append(connection, "approval-answered", body, run_id=run.run_id, attempt_id=newest.attempt_id)
        for name in released:
            connection.execute("UPDATE runs SET state = 'queued', ended_us = NULL WHERE run_id = ?", (name,))
            self._append(connection, "run-released", {}, run_id=name)
        found = self._answered(connection, run.pipeline, newest.step, asked.subject, run.run_id)
        assert found is not None
        return found

    def answered(self, pipeline: str, step: str, subject: str, *, run_id: str = "") -> ApprovalRow | None:
        """The newest answer about a subject, or None while there is none. Cost: one look into an index.

        That nobody answered in time counts in the run that is named alone.
        """
        with self._database.read() as connection:
            return self._answered(connection, pipeline, step, subject, run_id)

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
                asked = Asked.of(result) if state == "waiting" else None
                if asked is not None and self._answered(connection, pipeline, step, asked.subject, run_id) is not None:
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
            asked = None if newest is None or newest.state != "waiting" else Asked.of(newest.result)
            if asked is not None and asked.subject == subject:
                found.append(run_id)
        return found

    @staticmethod
    def _newest(connection: Connection, run_id: str, step: str) -> _Newest | None:
        """The newest attempt at a step."""
        row = connection.execute(
            "SELECT step, attempt_id, state, key, result, started_us FROM attempts WHERE run_id = ? AND step = ?"
            " ORDER BY number DESC LIMIT 1",
            (run_id, step),
        ).fetchone()
        return None if row is None else _Newest(*row)

    @staticmethod
    def _answered(connection: Connection, pipeline: str, step: str, subject: str, run_id: str) -> ApprovalRow | None:
        row = connection.execute(
            f"SELECT {_COLUMNS} FROM approvals JOIN attempts USING (attempt_id)"  # noqa: S608  # our own constant
            " WHERE pipeline = ? AND approvals.step = ? AND subject = ? AND (who <> '' OR run_id = ?)"
            " ORDER BY approval_id DESC LIMIT 1",
            (pipeline, step, subject, run_id),
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


def _is_over(asked: Asked, newest: _Newest) -> bool:
    until_us = asked.until_us(newest.started_us)
    return until_us is not None and _lease.now_us() >= until_us


def _answered(before: ApprovalRow, run_id: str) -> InvalidInput:
    word = "approved" if before.is_approved else "rejected"
    what = f"was {word} by {before.by} already" + (f": {before.because}" if before.because else "")
    return InvalidInput(
        f"step {before.step!r} {before.said if before.is_expired else what}",
        where=f"run {run_id}",
        fix=f"headrace resume {run_id}"
        if before.is_approved
        else f"headrace approve {run_id} {before.step} --overrule, where the no was wrong",
    )


def _too_late(step: str, run_id: str, asked: Asked) -> InvalidInput:
    return InvalidInput(
        f"step {step!r} expired: nobody answered within {duration(asked.timeout_s or 0)}",
        where=f"run {run_id}",
        fix=f"headrace resume {run_id} ends it so; a new run asks anew",
    )


def _to_row(row: tuple[Any, ...]) -> ApprovalRow:
    return ApprovalRow(row[0], row[1], row[2], row[3], decode(row[4]), bool(row[5]), row[6], row[7], row[8], row[9])

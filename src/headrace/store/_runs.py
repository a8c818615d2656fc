"""Runs and events: what was asked for, what it resolved to, how it ended."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Mapping
from typing import Any

from headrace.canonical import digest
from headrace.errors import InvalidInput, LeaseLost, StoreBusy, UnknownName
from headrace.store import _lease, points
from headrace.store._contract import RUN_STATES, Event, Lease, RunRow
from headrace.store._records import Records, decode, encode

__all__ = ["Runs"]

_COLUMNS = "run_id, pipeline, plan_id, plan, state, created_us, ended_us, cancel_us"


class Runs(Records):
    """The part of a Store that keeps runs, their leases and the event log."""

    def create_run(
        self,
        pipeline: str,
        plan: Mapping[str, Any],
        *,
        resolved: Mapping[str, Any] | None = None,
        plan_id: str | None = None,
    ) -> str:
        """Record a run, what its plan resolved and this process's lease on it, in one transaction.

        Parameters
        ----------
        pipeline : str
            The pipeline's name.
        plan : mapping
            Plain data; kept, never interpreted here.
        resolved : mapping, optional
            Resolved inputs under their names, as plain data: resume and reproduce read them back.
        plan_id : str, optional
            The plan's identity without `previous` and `champion`; by default the digest of `plan`.

        Returns the run's id.
        """
        run_id = uuid.uuid4().hex[:12]
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO runs (run_id, pipeline, plan_id, plan, state, created_us) VALUES (?, ?, ?, ?, ?, ?)",
                (run_id, pipeline, plan_id or digest(dict(plan)), encode(dict(plan)), "running", _lease.now_us()),
            )
            connection.executemany(
                "INSERT INTO resolved_inputs VALUES (?, ?, ?)",
                [(run_id, name, encode(value)) for name, value in (resolved or {}).items()],
            )
            _lease.take(connection, run_id, self._lease_s)
            self._append(connection, "run-created", {"pipeline": pipeline}, run_id=run_id)
        points.reach("run-created")
        return run_id

    def finish_run(self, run_id: str, state: str) -> None:
        """Record how a run ended and give its lease up; LeaseLost when another process has taken the run over."""
        if state not in RUN_STATES or state == "running":
            raise InvalidInput(f"{state!r} is not how a run ends", expected=", ".join(RUN_STATES[1:]))
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            connection.execute("DELETE FROM leases WHERE subject = ?", (run_id,))
            connection.execute(
                "UPDATE runs SET state = ?, ended_us = ? WHERE run_id = ?", (state, _lease.now_us(), run_id)
            )
            self._append(connection, "run-finished", {"state": state}, run_id=run_id)
        points.reach("run-finished")

    def take_run(self, run_id: str) -> list[str]:
        """Take over a run to resume it: its state is "running", the lease is ours, its dead attempts are "lost".

        Returns the ids of the attempts that were lost: their folders are garbage, and their tokens commit nothing.
        Raises UnknownName, or StoreBusy while another living process holds the run or one of its attempts.
        """
        with self._database.write() as connection:
            self._run_row(connection, run_id)
            running = connection.execute(
                "SELECT attempt_id FROM attempts WHERE run_id = ? AND state = 'running' ORDER BY step", (run_id,)
            ).fetchall()
            lost = [attempt_id for (attempt_id,) in running]
            for subject in (run_id, *lost):
                lease = _lease.read_lease(connection, subject)
                if lease is not None and lease.owner != _lease.owner() and _lease.holder_is_alive(lease):
                    raise StoreBusy(
                        f"process {lease.pid} on {lease.host.partition('/')[0]} is working on run {run_id}",
                        fix=f"wait for it, or `headrace cancel {run_id}`",
                    )
            for attempt_id in lost:
                self._lose_attempt(connection, attempt_id, run_id)
            _lease.take(connection, run_id, self._lease_s)
            connection.execute(
                "UPDATE runs SET state = 'running', ended_us = NULL, cancel_us = NULL WHERE run_id = ?", (run_id,)
            )
            self._append(connection, "run-taken", {"lost": lost}, run_id=run_id)
        return lost

    def renew_run(self, run_id: str) -> None:
        """Move the end of our lease on a run; LeaseLost when another process has taken the run over."""
        with self._database.write() as connection:
            lease = self._own_run(connection, run_id)
            _lease.renew(connection, run_id, lease.token, self._lease_s)

    def lease(self, subject: str) -> Lease | None:
        """The lease on a run or an attempt, or None when nobody works on it."""
        with self._database.read() as connection:
            return _lease.read_lease(connection, subject)

    def is_alive(self, lease: Lease | None) -> bool:
        """Whether somebody works under this lease: the kernel's word on the same host, the lease's age elsewhere."""
        return lease is not None and _lease.holder_is_alive(lease)

    def request_cancel(self, run_id: str) -> None:
        """Ask the process that runs it to stop; it looks at `run(run_id).is_cancel_requested`."""
        with self._database.write() as connection:
            self._run_row(connection, run_id)
            connection.execute("UPDATE runs SET cancel_us = ? WHERE run_id = ?", (_lease.now_us(), run_id))
            self._append(connection, "cancel-requested", {}, run_id=run_id)

    def run(self, run_id: str) -> RunRow:
        """One run; UnknownName when there is none of that id."""
        with self._database.read() as connection:
            return self._run_row(connection, run_id)

    def runs(
        self, *, pipeline: str | None = None, state: str | None = None, prefix: str = "", limit: int = 100
    ) -> list[RunRow]:
        """Runs, newest first, at most `limit`: of a pipeline, in a state, with an id that begins so."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM runs WHERE (?1 IS NULL OR pipeline = ?1) AND (?2 IS NULL OR state = ?2)"  # noqa: S608  # our own constant
                " AND substr(run_id, 1, length(?4)) = ?4 ORDER BY created_us DESC, rowid DESC LIMIT ?3",
                (pipeline, state, limit, prefix),
            ).fetchall()
            return [self._to_run(connection, row) for row in rows]

    def append_event(
        self, kind: str, body: Mapping[str, Any], *, run_id: str | None = None, attempt_id: str | None = None
    ) -> None:
        """Write an event; it is never changed or removed."""
        with self._database.write() as connection:
            self._append(connection, kind, body, run_id=run_id, attempt_id=attempt_id)

    def events(self, run_id: str | None = None, *, after: int = 0, limit: int = 10_000) -> list[Event]:
        """Events in order, of one run or of all, those with an id above `after`."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT event_id, time_us, run_id, attempt_id, kind, body FROM events"
                " WHERE (?1 IS NULL OR run_id = ?1) AND event_id > ?2 ORDER BY event_id LIMIT ?3",
                (run_id, after, limit),
            ).fetchall()
        return [Event(row[0], row[1], row[2], row[3], row[4], decode(row[5])) for row in rows]

    def _own_run(self, connection: sqlite3.Connection, run_id: str) -> Lease:
        lease = _lease.read_lease(connection, run_id)
        if lease is None or lease.owner != _lease.owner():
            raise LeaseLost(f"run {run_id} is no longer ours", fix="another process has taken it over or finished it")
        return lease

    def _run_row(self, connection: sqlite3.Connection, run_id: str) -> RunRow:
        row = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE run_id = ?", (run_id,)).fetchone()  # noqa: S608  # our own constant
        if row is None:
            newest = connection.execute("SELECT run_id FROM runs ORDER BY created_us DESC LIMIT 10").fetchall()
            raise UnknownName("run", run_id, [name for (name,) in newest])
        return self._to_run(connection, row)

    @staticmethod
    def _to_run(connection: sqlite3.Connection, row: tuple[Any, ...]) -> RunRow:
        run_id, pipeline, plan_id, plan, state, created_us, ended_us, cancel_us = row
        resolved = connection.execute("SELECT name, value FROM resolved_inputs WHERE run_id = ?", (run_id,))
        return RunRow(
            run_id=run_id,
            pipeline=pipeline,
            plan_id=plan_id,
            plan=decode(plan),
            resolved={name: decode(value) for name, value in resolved},
            state=state,
            created_us=created_us,
            ended_us=ended_us,
            is_cancel_requested=cancel_us is not None,
        )

    def _lose_attempt(self, connection: sqlite3.Connection, attempt_id: str, run_id: str) -> None:
        """Fence a dead attempt: without its lease its token commits nothing."""
        connection.execute("DELETE FROM leases WHERE subject = ?", (attempt_id,))
        connection.execute(
            "UPDATE attempts SET state = 'lost', reason = 'its process died', ended_us = ? WHERE attempt_id = ?",
            (_lease.now_us(), attempt_id),
        )
        self._append(connection, "attempt-lost", {}, run_id=run_id, attempt_id=attempt_id)

"""Runs and events: what was asked for, what it resolved to, how it ended."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from headrace.canonical import digest
from headrace.errors import InvalidInput, LeaseLost, StoreBusy, UnknownName
from headrace.store import _lease, points
from headrace.store._contract import RUN_STATES, Event, Lease, RunRow
from headrace.store._database import Connection
from headrace.store._records import Records, decode, encode

__all__ = ["Runs"]

_ENDS = tuple(state for state in RUN_STATES if state not in ("queued", "running"))
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
        is_queued: bool = False,
        trigger: Mapping[str, Any] | None = None,
        events: Sequence[tuple[str, Mapping[str, Any]]] = (),
        once: str | None = None,
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
        is_queued : bool
            Whether it waits for a process to take it: state "queued", and no lease.
        trigger : mapping, optional
            What made it start, where no person did: kept in its first event, "run-created".
        events : sequence of (str, mapping)
            Further events of the same moment, by kind and body: both are there, or neither.
        once : str, optional
            What another orchestrator calls this run: a pipeline's run of one name is made once, however often it is
            asked for, and a later call changes nothing and gives its id.

        Returns the run's id.
        """
        run_id = uuid.uuid4().hex[:12] if once is None else digest([pipeline, once])[:12]
        state = "queued" if is_queued else "running"
        body = {"pipeline": pipeline} if trigger is None else {"pipeline": pipeline, "trigger": dict(trigger)}
        with self._database.write() as connection:
            if once is not None and connection.execute("SELECT 1 FROM runs WHERE run_id = ?", (run_id,)).fetchone():
                return run_id
            connection.execute(
                "INSERT INTO runs (run_id, pipeline, plan_id, plan, state, created_us) VALUES (?, ?, ?, ?, ?, ?)",
                (run_id, pipeline, plan_id or digest(dict(plan)), encode(dict(plan)), state, _lease.now_us()),
            )
            connection.executemany(
                "INSERT INTO resolved_inputs VALUES (?, ?, ?)",
                [(run_id, name, encode(value)) for name, value in (resolved or {}).items()],
            )
            if not is_queued:
                _lease.take(connection, run_id, self._lease_s)
            for kind, content in (("run-created", body), *events):
                self._append(connection, kind, content, run_id=run_id)
        points.reach("run-created")
        return run_id

    def finish_run(self, run_id: str, state: str, *, notice: Mapping[str, Any] | None = None) -> None:
        """Record how a run ended and give its lease up; LeaseLost when another process has taken the run over.

        `notice` is what somebody is to be told of it, as plain data: kept in the same transaction for `take_notice`.
        """
        if state not in _ENDS:
            raise InvalidInput(f"{state!r} is not how a run ends", expected=", ".join(_ENDS))
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            self._finish(connection, run_id, state, notice)
        points.reach("run-finished")

    def take_run(self, run_id: str, *, only: Collection[str] = RUN_STATES, is_replanned: bool = False) -> list[str]:
        """Take over a run to resume it: its state is "running", the lease is ours, its dead attempts are "lost".

        Attempts of processes that live, and helped whoever had the run before, go on.

        Parameters
        ----------
        run_id : str
            Which.
        only : collection of str
            The states in which it is wanted: who looks for work must not start what somebody has just finished.
        is_replanned : bool
            Whether it goes on by another plan than the recorded one, which nobody else then can know.

        Returns the ids of the attempts that were lost: their folders are garbage, and their tokens commit nothing.
        Raises UnknownName, or StoreBusy while another living process holds the run, or when it is in another state.
        """
        with self._database.write() as connection:
            state = self._run_row(connection, run_id).state
            if state not in only:
                raise StoreBusy(f"run {run_id} is {state}", expected=" or ".join(only))
            lease = _lease.read_lease(connection, run_id)
            is_ours = lease is None or lease.owner == _lease.owner()
            if lease is not None and not is_ours and _lease.holder_is_alive(lease):
                raise StoreBusy(
                    f"process {lease.pid} on {lease.host.partition('/')[0]} is working on run {run_id}",
                    fix=f"wait for it, or `headrace cancel {run_id}`",
                )
            lost = [
                attempt_id
                for attempt_id in self._running(connection, run_id)
                if self._is_over(connection, attempt_id, is_ours)
            ]
            for attempt_id in lost:
                self._lose_attempt(connection, attempt_id, run_id)
            _lease.take(connection, run_id, self._lease_s)
            connection.execute(
                "UPDATE runs SET state = 'running', ended_us = NULL, cancel_us = NULL WHERE run_id = ?", (run_id,)
            )
            body = {"lost": lost, "replanned": True} if is_replanned else {"lost": lost}
            self._append(connection, "run-taken", body, run_id=run_id)
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

    def request_cancel(self, run_id: str, *, is_urgent: bool = False) -> str:
        """Cancel a run that nobody works on; ask the process that runs it to stop.

        That process looks at `run(run_id).is_cancel_requested`, lets what runs end, unless it is urgent
        (`is_cancel_urgent`), and finishes the run. Returns the run's state: "running" where somebody has to stop first;
        one that has ended is left as it is.
        """
        with self._database.write() as connection:
            state = self._run_row(connection, run_id).state
            if state not in ("queued", "running", "waiting"):
                return state
            connection.execute("UPDATE runs SET cancel_us = ? WHERE run_id = ?", (_lease.now_us(), run_id))
            self._append(connection, "cancel-requested", {"urgent": True} if is_urgent else {}, run_id=run_id)
            lease = _lease.read_lease(connection, run_id)
            if lease is not None and _lease.holder_is_alive(lease):
                return state
            for attempt_id in self._running(connection, run_id):
                self._lose_attempt(connection, attempt_id, run_id)
            self._finish(connection, run_id, "cancelled")
        return "cancelled"

    def is_cancel_urgent(self, run_id: str) -> bool:
        """Whether what runs should be stopped too: somebody has asked so since the run was last taken."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT kind, body FROM events WHERE run_id = ? AND kind IN ('cancel-requested', 'run-taken')"
                " ORDER BY event_id DESC",
                (run_id,),
            ).fetchall()
        since = itertools.takewhile(lambda row: row[0] != "run-taken", rows)
        return any(decode(body).get("urgent", False) for _, body in since)

    def run(self, run_id: str) -> RunRow:
        """One run; UnknownName when there is none of that id."""
        with self._database.read() as connection:
            return self._run_row(connection, run_id)

    def runs(
        self,
        *,
        pipeline: str | None = None,
        state: str | None = None,
        prefix: str = "",
        limit: int = 100,
        offset: int = 0,
    ) -> list[RunRow]:
        """Runs, newest first, at most `limit` after the first `offset`: of a pipeline, in a state, with such an id.

        `prefix` is how the id begins.

        Cost: by pipeline or state one look into an index, and the runs it gives.
        """
        wanted = {"pipeline = ?": pipeline, "state = ?": state, "substr(run_id, 1, length(?)) = ?": prefix or None}
        given = {clause: value for clause, value in wanted.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        values = [value for clause, value in given.items() for _ in range(clause.count("?"))]
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM runs {where} ORDER BY created_us DESC, rowid DESC LIMIT ? OFFSET ?",  # noqa: S608  # our own text
                (*values, limit, offset),
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
                " WHERE (:run IS NULL OR run_id = :run) AND event_id > :after ORDER BY event_id LIMIT :limit",
                {"run": run_id, "after": after, "limit": limit},
            ).fetchall()
        return [Event(row[0], row[1], row[2], row[3], row[4], decode(row[5])) for row in rows]

    @staticmethod
    def _running(connection: Connection, run_id: str) -> list[str]:
        rows = connection.execute(
            "SELECT attempt_id FROM attempts WHERE run_id = ? AND state = 'running' ORDER BY step", (run_id,)
        ).fetchall()
        return [attempt_id for (attempt_id,) in rows]

    @staticmethod
    def _is_over(connection: Connection, attempt_id: str, is_ours: bool) -> bool:
        """Whether an attempt's process died; one of our own that began while we had the run is over too."""
        lease = _lease.read_lease(connection, attempt_id)
        if lease is not None and lease.owner == _lease.owner():
            return is_ours
        return lease is None or not _lease.holder_is_alive(lease)

    def _finish(self, connection: Connection, run_id: str, state: str, notice: Mapping[str, Any] | None = None) -> None:
        connection.execute("DELETE FROM leases WHERE subject = ?", (run_id,))
        connection.execute("UPDATE runs SET state = ?, ended_us = ? WHERE run_id = ?", (state, _lease.now_us(), run_id))
        self._append(connection, "run-finished", {"state": state}, run_id=run_id)
        if notice is not None:
            connection.execute(
                "INSERT INTO notices (run_id, body, num_tries, told, time_us) VALUES (?, ?, 0, NULL, ?)",
                (run_id, encode(dict(notice)), _lease.now_us()),
            )

    def _own_run(self, connection: Connection, run_id: str) -> Lease:
        lease = _lease.read_lease(connection, run_id)
        if lease is None or lease.owner != _lease.owner():
            raise LeaseLost(f"run {run_id} is no longer ours", fix="another process has taken it over or finished it")
        return lease

    def _run_row(self, connection: Connection, run_id: str) -> RunRow:
        row = connection.execute(f"SELECT {_COLUMNS} FROM runs WHERE run_id = ?", (run_id,)).fetchone()  # noqa: S608  # our own constant
        if row is None:
            newest = connection.execute("SELECT run_id FROM runs ORDER BY created_us DESC LIMIT 10").fetchall()
            raise UnknownName("run", run_id, [name for (name,) in newest])
        return self._to_run(connection, row)

    @staticmethod
    def _to_run(connection: Connection, row: tuple[Any, ...]) -> RunRow:
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

    def _lose_attempt(
        self, connection: Connection, attempt_id: str, run_id: str, reason: str = "its process died"
    ) -> None:
        """Fence a dead attempt: without its lease its token commits nothing."""
        connection.execute("DELETE FROM leases WHERE subject = ?", (attempt_id,))
        connection.execute(
            "UPDATE attempts SET state = 'lost', reason = ?, ended_us = ? WHERE attempt_id = ?",
            (reason, _lease.now_us(), attempt_id),
        )
        self._append(connection, "attempt-lost", {}, run_id=run_id, attempt_id=attempt_id)

"""Several processes on one store: who is there, and which of them works on which step of a run."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from headrace import disk
from headrace.store import _lease, points
from headrace.store._attempts import Attempt, Attempts
from headrace.store._contract import Event, Lease
from headrace.store._database import Connection
from headrace.store._records import decode

__all__ = ["Sharing"]

_MOST_EVENTS = 200  # looked through at a time: a server sends all that is asked for


class Sharing(Attempts):
    """The part of a Store through which processes share work."""

    def announce(self, role: str) -> None:
        """Say, or say again within `lease_s`, that this process is there as `role`: "worker"."""
        with self._database.write() as connection:
            _lease.take(connection, f"{role}-{_lease.owner()}", self._lease_s)

    def announced(self, role: str) -> list[Lease]:
        """The living processes that are there as `role`."""
        with self._database.read() as connection:
            leases = _lease.read_leases(connection, f"{role}-")
        return [lease for lease in leases if _lease.holder_is_alive(lease)]

    def withdraw(self, role: str) -> None:
        """Say that this process leaves; what dead ones have left behind goes too."""
        alive = {lease.subject for lease in self.announced(role)} - {f"{role}-{_lease.owner()}"}
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT subject FROM leases WHERE substr(subject, 1, length(:role)) = :role", {"role": f"{role}-"}
            ).fetchall()
            gone = [(subject,) for (subject,) in rows if subject not in alive]
            connection.executemany("DELETE FROM leases WHERE subject = ?", gone)

    def join_attempt(
        self,
        run_id: str,
        step: str,
        key: str,
        *,
        number: int,
        at_most: int,
        is_helper: bool = False,
        inputs: Mapping[str, Any] | None = None,
        parts: Mapping[str, Any] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> Attempt | None:
        """Begin an attempt where others may be at work too: `begin_attempt`, unless something stands against it.

        Parameters
        ----------
        run_id, step, key : str
            What is attempted.
        number : int
            Which attempt at the step this would be: one more than the caller has seen. When somebody else has begun
            one meanwhile, whatever became of it, there is none to begin.
        at_most : int
            How many attempts this process may have running, counted from its leases.
        is_helper : bool
            Whether another process coordinates the run: it must live, and nobody have cancelled the run.
        inputs, parts, notes : mapping
            As `begin_attempt` takes them.

        Returns the attempt, or None: also when the cache has the key by now. Raises LeaseLost when the run, which we
        coordinate, was taken over.
        """
        self._refuse_when_read_only()
        attempt_id = uuid.uuid4().hex
        with self._database.write() as connection:
            if not self._may_begin(connection, run_id, step, key, number=number, at_most=at_most, is_helper=is_helper):
                return None
            folder = disk.make_folder(self._home.attempts / attempt_id, mode=0o700)
            token = self._begin(connection, attempt_id, run_id, step, key, inputs, parts, notes)
        points.reach("attempt-begun")
        return Attempt(attempt_id, run_id, step, key, token, folder, self)

    def _may_begin(
        self,
        connection: Connection,
        run_id: str,
        step: str,
        key: str,
        *,
        number: int,
        at_most: int,
        is_helper: bool,
    ) -> bool:
        if is_helper:
            lease, run = _lease.read_lease(connection, run_id), self._run_row(connection, run_id)
            if lease is None or run.state != "running" or run.is_cancel_requested or not _lease.holder_is_alive(lease):
                return False
        else:
            self._own_run(connection, run_id)
        (count,) = connection.execute(
            "SELECT count(*) FROM attempts WHERE run_id = ? AND step = ?", (run_id, step)
        ).fetchone()
        if count != number - 1 or self._num_held(connection) >= at_most:
            return False
        # An attempt whose holder was killed may have committed all the same, in a process that lived a little longer.
        return self._lose_dead(connection, run_id, step) is None and self._cached(connection, key) is None

    def num_held(self) -> int:
        """How many attempts this process has running, counted from its leases."""
        with self._database.read() as connection:
            return self._num_held(connection)

    def disown(self) -> None:
        """Let go of every lease of this process, in memory alone: for when the store can record nothing.

        A process that ends lets go by ending; one that lives on would wait for itself.
        """
        _lease.disown()

    def is_held(self, attempt: Attempt) -> bool:
        """Whether an attempt is still its holder's: neither ended nor taken over."""
        with self._database.read() as connection:
            lease = _lease.read_lease(connection, attempt.id)
        return lease is not None and lease.token == attempt.token

    def forget_attempt(self, attempt_id: str, reason: str) -> None:
        """Fence an attempt of any process: it is "lost", and commits nothing; one that has ended stays as it is."""
        with self._database.write() as connection:
            row = connection.execute(
                "SELECT run_id FROM attempts WHERE attempt_id = ? AND state = 'running'", (attempt_id,)
            ).fetchone()
            if row is not None:
                self._lose_attempt(connection, attempt_id, row[0], reason)

    def release_run(self, run_id: str) -> None:
        """Put a run that we coordinate back into the queue, for whoever takes it; our attempts at it are "lost".

        Raises LeaseLost when another process has taken the run over.
        """
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            for attempt_id in self._running(connection, run_id):
                if self._is_over(connection, attempt_id, is_ours=True):
                    self._lose_attempt(connection, attempt_id, run_id, "its worker was stopped")
            connection.execute("DELETE FROM leases WHERE subject = ?", (run_id,))
            connection.execute("UPDATE runs SET state = 'queued' WHERE run_id = ?", (run_id,))
            self._append(connection, "run-released", {}, run_id=run_id)

    def newest_event(self, kind: str, *, run_id: str | None = None, **equal: Any) -> Event | None:
        """The newest event of a kind, of one run or of all, whose body has these values.

        Cost: reads back until it is found; in one run, its events.
        """
        where = "kind = :kind" if run_id is None else "run_id = :run AND kind = :kind"
        before = None
        with self._database.read() as connection:
            while True:
                rows = connection.execute(
                    f"SELECT event_id, time_us, run_id, attempt_id, kind, body FROM events WHERE {where}"  # noqa: S608  # our own text
                    " AND (:before IS NULL OR event_id < :before) ORDER BY event_id DESC LIMIT :most",
                    {"kind": kind, "run": run_id, "before": before, "most": _MOST_EVENTS},
                ).fetchall()
                for row in rows:
                    body = decode(row[5])
                    if all(body.get(name) == value for name, value in equal.items()):
                        return Event(row[0], row[1], row[2], row[3], row[4], body)
                if len(rows) < _MOST_EVENTS:
                    return None
                before = rows[-1][0]

    def newest_event_id(self) -> int:
        """The id of the newest event, 0 before the first: `events(after=...)` gives what came later."""
        with self._database.read() as connection:
            (newest,) = connection.execute("SELECT coalesce(max(event_id), 0) FROM events").fetchone()
        return int(newest)

    @staticmethod
    def _num_held(connection: Connection) -> int:
        (count,) = connection.execute(
            "SELECT count(*) FROM leases JOIN attempts ON subject = attempt_id WHERE owner = ?", (_lease.owner(),)
        ).fetchone()
        return int(count)

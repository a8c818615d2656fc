"""Attempts: begin, renew, commit, fail, and what the cache remembers."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headrace import disk
from headrace.errors import LeaseLost, StoreBusy
from headrace.store import _lease, points
from headrace.store._contract import Accepted, Artifact, AttemptRow, CacheRow, KeyRow, Lease, Staged, Waived
from headrace.store._database import Connection
from headrace.store._keys import read_key, write_key
from headrace.store._publish import Files, Published, is_there, publish
from headrace.store._records import decode, encode
from headrace.store._runs import Runs
from headrace.store._snapshot import write_accepted, write_waived

__all__ = ["Attempt", "Attempts"]

_COLUMNS = (
    "attempt_id, run_id, step, key, number, attempts.state, inputs, result, reason, source_id, started_us,"
    " attempts.ended_us"
)


@dataclass(frozen=True)
class Attempt:
    """A handle on a running attempt: whoever holds its token, in any process, may renew, commit or fail it.

    Parameters
    ----------
    id : str
        The attempt's id.
    run_id, step, key : str
        What is attempted.
    token : str
        The fencing token of its lease.
    folder : Path
        Where its outputs are written, each into a folder of its own.
    """

    id: str
    run_id: str
    step: str
    key: str
    token: str
    folder: Path = field(compare=False)
    _attempts: Attempts = field(repr=False, compare=False)

    def renew(self) -> None:
        """Move the end of the lease; LeaseLost when another attempt has taken over."""
        self._attempts.renew(self)

    def to_plain(self) -> dict[str, str]:
        """As plain data, for another process's `store.attach`."""
        return {"id": self.id, "run_id": self.run_id, "step": self.step, "key": self.key, "token": self.token}


class Attempts(Runs):
    """The part of a Store that keeps attempts, artifact rows and the cache."""

    def begin_attempt(
        self,
        run_id: str,
        step: str,
        key: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        parts: Mapping[str, Any] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> Attempt:
        """Record an attempt as RUNNING with a lease of this process, in one transaction, and make its folder.

        `inputs` says which outputs of other steps it takes, `parts` and `notes` what its key is made of (`KeyRow`).
        A dead attempt at the same step of the run is marked "lost" and can commit nothing any more. Raises StoreBusy
        while a living one is at it, LeaseLost when the run belongs to another process.
        """
        self._refuse_when_read_only()
        attempt_id = uuid.uuid4().hex
        folder = disk.make_folder(self._home.attempts / attempt_id, mode=0o700)
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            busy = self._lose_dead(connection, run_id, step)
            if busy is not None:
                raise StoreBusy(f"step {step!r} is being attempted already by process {busy.pid}", where=run_id)
            token = self._begin(connection, attempt_id, run_id, step, key, inputs, parts, notes)
        points.reach("attempt-begun")
        return Attempt(attempt_id, run_id, step, key, token, folder, self)

    def _lose_dead(self, connection: Connection, run_id: str, step: str) -> Lease | None:
        """Mark dead attempts at a step as lost; the lease of a living one, if there is one."""
        running = connection.execute(
            "SELECT attempt_id FROM attempts WHERE run_id = ? AND step = ? AND state = 'running'", (run_id, step)
        ).fetchall()
        for (other,) in running:
            lease = _lease.read_lease(connection, other)
            if lease is not None and _lease.holder_is_alive(lease):
                return lease
            self._lose_attempt(connection, other, run_id)
        return None

    def _begin(
        self,
        connection: Connection,
        attempt_id: str,
        run_id: str,
        step: str,
        key: str,
        inputs: Mapping[str, Any] | None,
        parts: Mapping[str, Any] | None,
        notes: Mapping[str, Any] | None,
    ) -> str:
        """The rows of a new attempt and its lease, inside the caller's transaction; returns the lease's token."""
        number = self._insert(connection, attempt_id, run_id, step, key, "running", inputs=inputs)
        write_key(connection, key, parts, notes)
        lease = _lease.take(connection, attempt_id, self._lease_s)
        body = {"step": step, "number": number}
        self._append(connection, "attempt-begun", body, run_id=run_id, attempt_id=attempt_id)
        return lease.token

    def attach(self, plain: Mapping[str, str]) -> Attempt:
        """The attempt that another process of ours began, from its `to_plain`."""
        return Attempt(
            **{name: plain[name] for name in ("id", "run_id", "step", "key", "token")},
            folder=self._home.attempts / uuid.UUID(plain["id"]).hex,
            _attempts=self,
        )

    def renew(self, attempt: Attempt) -> None:
        """Move the end of an attempt's lease to `lease_s` from now; LeaseLost when it was taken over."""
        with self._database.write() as connection:
            _lease.renew(connection, attempt.id, attempt.token, self._lease_s)

    def commit(
        self,
        attempt: Attempt,
        outputs: Mapping[str, Staged],
        result: Mapping[str, Any],
        key: str | None,
        *,
        accepted: Sequence[Accepted] = (),
        waived: Sequence[Waived] = (),
    ) -> dict[str, Artifact]:
        """Publish the outputs and record success: after this returns they are on the disk, and the cache has them.

        Parameters
        ----------
        attempt : Attempt
            From `begin_attempt` or `attach`.
        outputs : mapping of output name to Staged
            What was made; an output that a "no" withholds is left out.
        result : mapping
            The step's plain result, given back by `cached`.
        key : str or None
            The step key to remember it under; None: not cached.
        accepted : sequence of Accepted
            Data sets that this attempt's validation accepted.
        waived : sequence of Waived
            What persons let pass in them.

        Raises LeaseLost, with nothing recorded, when the attempt was taken over; StoreError when the disk refuses.
        """
        digests = sorted({output.digest for output in outputs.values()})
        with self._database.read() as connection:
            lease = _lease.read_lease(connection, attempt.id)
            known = self._known(connection, digests)
        if lease is None or lease.token != attempt.token:
            raise LeaseLost(f"attempt {attempt.id} of step {attempt.step!r} was taken over", fix="nothing was written")
        published = publish(self._home, outputs, known)
        points.reach("before-commit")
        with self._database.write() as connection:
            _lease.release(connection, attempt.id, attempt.token)
            self._insert_artifacts(connection, published.values())
            self._insert_outputs(connection, attempt.id, {name: item.digest for name, item in published.items()})
            connection.execute(
                "UPDATE attempts SET state = 'succeeded', result = ?, ended_us = ? WHERE attempt_id = ?",
                (encode(dict(result)), _lease.now_us(), attempt.id),
            )
            if key is not None:
                connection.execute(
                    "INSERT INTO cache (key, attempt_id) VALUES (?, ?)"
                    " ON CONFLICT (key) DO UPDATE SET attempt_id = excluded.attempt_id",
                    (key, attempt.id),
                )
            self._judged(connection, attempt.run_id, attempt.id, accepted, waived)
            body = {"step": attempt.step, "outputs": {name: item.digest for name, item in published.items()}}
            self._append(connection, "attempt-succeeded", body, run_id=attempt.run_id, attempt_id=attempt.id)
        points.reach("after-commit")
        disk.remove_folder(attempt.folder)
        return {name: Artifact(item.kind, item.digest) for name, item in published.items()}

    def fail(self, attempt: Attempt, reason: str) -> None:
        """Record that an attempt failed and why, and remove what it wrote; LeaseLost when it was taken over."""
        with self._database.write() as connection:
            _lease.release(connection, attempt.id, attempt.token)
            connection.execute(
                "UPDATE attempts SET state = 'failed', reason = ?, ended_us = ? WHERE attempt_id = ?",
                (reason, _lease.now_us(), attempt.id),
            )
            body = {"step": attempt.step, "reason": reason}
            self._append(connection, "attempt-failed", body, run_id=attempt.run_id, attempt_id=attempt.id)
        disk.remove_folder(attempt.folder)

    def cached(self, key: str) -> CacheRow | None:
        """What this step key gave, or None; an entry with a file missing or of another size is none.

        Cost: three look-ups by key and one stat a file, whatever the length of history.
        """
        with self._database.read() as connection:
            return self._cached(connection, key)

    def reuse(
        self,
        run_id: str,
        step: str,
        key: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        parts: Mapping[str, Any] | None = None,
        notes: Mapping[str, Any] | None = None,
        accepted: Sequence[Accepted] = (),
        waived: Sequence[Waived] = (),
    ) -> CacheRow | None:
        """`cached`, recorded as this run's attempt at the step (state "cached", `source_id` says whose outputs)."""
        with self._database.read() as connection:
            row = self._cached(connection, key, is_wanted=True)
        if row is None:
            return None
        attempt_id = uuid.uuid4().hex
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            self._insert(
                connection, attempt_id, run_id, step, key, "cached", inputs=inputs, result=row.result, source=row
            )
            self._insert_outputs(connection, attempt_id, {name: item.digest for name, item in row.outputs.items()})
            write_key(connection, key, parts, notes)
            self._judged(connection, run_id, attempt_id, accepted, waived)
            self._append(connection, "attempt-cached", {"step": step}, run_id=run_id, attempt_id=attempt_id)
        return row

    def block(self, run_id: str, step: str, key: str, reason: str, *, is_skipped: bool = False) -> None:
        """Record that a step cannot start because what it needs was withheld, or (skipped) that it is not wanted."""
        attempt_id, state = uuid.uuid4().hex, "skipped" if is_skipped else "blocked"
        with self._database.write() as connection:
            self._own_run(connection, run_id)
            self._insert(connection, attempt_id, run_id, step, key, state, reason=reason)
            body = {"step": step, "reason": reason}
            self._append(connection, f"step-{state}", body, run_id=run_id, attempt_id=attempt_id)

    def attempts(self, run_id: str, step: str | None = None) -> list[AttemptRow]:
        """The attempts of a run, in the order they began; of one step when it is named."""
        with self._database.read() as connection:
            self._run_row(connection, run_id)
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM attempts WHERE run_id = :run AND (:step IS NULL OR step = :step)"  # noqa: S608  # our own constant
                " ORDER BY started_us, rowid",
                {"run": run_id, "step": step},
            ).fetchall()
            return [self._to_attempt(connection, row) for row in rows]

    def attempts_of(self, pipeline: str, step: str, *, limit: int = 100) -> list[AttemptRow]:
        """The attempts at a step in all runs of a pipeline, newest first, at most `limit`."""
        with self._database.read() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM attempts JOIN runs USING (run_id) WHERE pipeline = ? AND step = ?"  # noqa: S608  # our own constant
                " ORDER BY started_us DESC, attempts.rowid DESC LIMIT ?",
                (pipeline, step, limit),
            ).fetchall()
            return [self._to_attempt(connection, row) for row in rows]

    def key_parts(self, key: str) -> KeyRow | None:
        """What a step key is made of; None for one that no attempt had, or that an older headrace recorded."""
        with self._database.read() as connection:
            return read_key(connection, key)

    def _judged(
        self,
        connection: Connection,
        run_id: str,
        attempt_id: str,
        accepted: Sequence[Accepted],
        waived: Sequence[Waived],
    ) -> None:
        pipeline = self._pipeline(connection, run_id)
        write_accepted(connection, pipeline, attempt_id, accepted)
        for item in write_waived(connection, pipeline, attempt_id, waived):
            self._append(connection, "finding-waived", asdict(item), run_id=run_id, attempt_id=attempt_id)

    def _cached(self, connection: Connection, key: str, *, is_wanted: bool = False) -> CacheRow | None:
        row = connection.execute(
            "SELECT attempt_id, run_id, step, result FROM cache JOIN attempts USING (attempt_id) WHERE cache.key = ?",
            (key,),
        ).fetchone()
        if row is None:
            return None
        outputs = self._outputs(connection, row[0])
        known = self._known(connection, [item.digest for item in outputs.values()])
        if not all(is_there(self._home, *item, will_refer=is_wanted) for item in known.items()):
            return None
        return CacheRow(key, row[0], row[1], row[2], outputs, decode(row[3]))

    def _to_attempt(self, connection: Connection, row: tuple[Any, ...]) -> AttemptRow:
        attempt_id, run_id, step, key, number, state, inputs, result, reason, source_id, started_us, ended_us = row
        return AttemptRow(
            attempt_id=attempt_id,
            run_id=run_id,
            step=step,
            key=key,
            number=number,
            state=state,
            inputs=decode(inputs),
            outputs=self._outputs(connection, attempt_id),
            result=None if result is None else decode(result),
            reason=reason,
            source_id=source_id,
            started_us=started_us,
            ended_us=ended_us,
        )

    @staticmethod
    def _known(connection: Connection, digests: Sequence[str]) -> dict[str, Files]:
        found = {}
        for digest in digests:
            row = connection.execute("SELECT files FROM artifacts WHERE digest = ?", (digest,)).fetchone()
            if row is not None:
                found[digest] = decode(row[0])
        return found

    @staticmethod
    def _outputs(connection: Connection, attempt_id: str) -> dict[str, Artifact]:
        rows = connection.execute(
            "SELECT name, kind, digest FROM attempt_outputs JOIN artifacts USING (digest) WHERE attempt_id = ?"
            " ORDER BY name",
            (attempt_id,),
        )
        return {name: Artifact(kind, digest) for name, kind, digest in rows}

    @staticmethod
    def _insert(
        connection: Connection,
        attempt_id: str,
        run_id: str,
        step: str,
        key: str,
        state: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        result: Mapping[str, Any] | None = None,
        reason: str | None = None,
        source: CacheRow | None = None,
    ) -> int:
        (number,) = connection.execute(
            "SELECT count(*) + 1 FROM attempts WHERE run_id = ? AND step = ?", (run_id, step)
        ).fetchone()
        now = _lease.now_us()
        connection.execute(
            "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                attempt_id,
                run_id,
                step,
                key,
                number,
                state,
                encode(dict(inputs or {})),
                None if result is None else encode(dict(result)),
                reason,
                None if source is None else source.attempt_id,
                now,
                None if state == "running" else now,
            ),
        )
        return int(number)

    @staticmethod
    def _insert_artifacts(connection: Connection, published: Sequence[Published] | Any) -> None:
        for item in published:
            if item.files is not None:
                connection.execute(
                    "INSERT INTO artifacts VALUES (?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE"
                    " SET files = excluded.files, size_bytes = excluded.size_bytes",
                    (item.digest, item.kind, encode(item.files), item.size_bytes, _lease.now_us()),
                )

    @staticmethod
    def _insert_outputs(connection: Connection, attempt_id: str, outputs: Mapping[str, str]) -> None:
        connection.executemany(
            "INSERT INTO attempt_outputs VALUES (?, ?, ?)", [(attempt_id, *item) for item in outputs.items()]
        )

    @staticmethod
    def _pipeline(connection: Connection, run_id: str) -> str:
        (pipeline,) = connection.execute("SELECT pipeline FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        return str(pipeline)

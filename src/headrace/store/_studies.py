"""Studies: the trials of a search, each with a lease, so that what a killed worker had in hand is worked on again.

    study = store.open_study("late", {"space": ...})
    trial = store.take_trial("late", suggest)        # a trial whose worker died, else a new one; None: nothing to do
    store.report_trial(trial, {3: 0.41})             # renews the lease
    store.end_trial(trial, "succeeded", value=0.91, losses={...})

A trial is counted when it ends, by whoever holds the newest token of its lease: a worker that was taken for dead and
comes back gets LeaseLost. What it is to try is written once, with the set of results that the suggestion saw.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.errors import InvalidInput, LeaseLost, UnknownName
from headrace.store import _lease
from headrace.store._collecting import Collecting
from headrace.store._database import Connection
from headrace.store._records import decode, encode

__all__ = ["TRIAL_STATES", "Studies", "StudyRow", "TakenTrial", "TrialRow"]

# stopped: ended early because it fell behind.
TRIAL_STATES: tuple[str, ...] = ("running", "succeeded", "stopped", "failed")

_COLUMNS = "number, params, state, value, losses, seen, reason, num_attempts, started_us, ended_us"
_OUTSIDE = "outside"  # the host of a lease whose holder no process id tells of


@dataclass(frozen=True)
class StudyRow:
    """A study: its name, what it searches as plain data, and when it was made (UTC epoch microseconds)."""

    name: str
    spec: dict[str, Any]
    created_us: int


@dataclass(frozen=True)
class TrialRow:
    """One trial of a study.

    Parameters
    ----------
    number : int
        From 0.
    params : dict
        What it tries.
    state : str
        One of TRIAL_STATES.
    value : float or None
        What it reached; None unless it succeeded or was stopped.
    losses : dict of int to float
        What it reported by step.
    seen : tuple of int
        The trials whose results its suggestion saw.
    reason : str
        Why it failed or was stopped.
    num_attempts : int
        How often it was taken: above 1 where a worker died over it.
    started_us, ended_us : int
        Of the newest attempt; UTC epoch microseconds.
    """

    number: int
    params: dict[str, Any]
    state: str
    value: float | None
    losses: dict[int, float]
    seen: tuple[int, ...]
    reason: str
    num_attempts: int
    started_us: int
    ended_us: int | None


@dataclass(frozen=True)
class TakenTrial:
    """A trial in hand: whoever holds its token may report and end it."""

    study: str
    number: int
    params: dict[str, Any] = field(compare=False)
    token: str = field(repr=False)
    num_attempts: int = 1
    seen: tuple[int, ...] = field(default=(), compare=False)


Suggest = Callable[[Sequence[TrialRow]], "tuple[dict[str, Any], Sequence[int]] | None"]


class Studies(Collecting):
    """The part of a Store that keeps studies and their trials."""

    def open_study(self, name: str, spec: Mapping[str, Any]) -> StudyRow:
        """The study of that name, made where there is none; InvalidInput where there is one that searches other things.

        Parameters
        ----------
        name : str
            1 to 200 characters.
        spec : mapping
            Plain data: what is searched, how, from which seed.
        """
        if not 0 < len(name) <= 200:
            raise InvalidInput(f"{name[:60]!r} is not a study's name", expected="1 to 200 characters")
        text = encode(dict(spec))
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO studies VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (name, text, _lease.now_us())
            )
            found = _study(connection, name)
        if encode(found.spec) != text:
            differing = [key for key in {**found.spec, **spec} if found.spec.get(key) != spec.get(key)]
            raise InvalidInput(
                f"study {name!r} is there and searches something else: {', '.join(sorted(differing))} differ",
                fix="give the new study another name",
            )
        return found

    def study(self, name: str) -> StudyRow:
        """The study of that name; UnknownName where there is none."""
        with self._database.read() as connection:
            return _study(connection, name)

    def studies(self) -> list[StudyRow]:
        """All studies, oldest first."""
        with self._database.read() as connection:
            rows = connection.execute("SELECT name, spec, created_us FROM studies ORDER BY created_us, name")
            return [StudyRow(name, decode(spec), created_us) for name, spec, created_us in rows]

    def trials(self, study: str) -> list[TrialRow]:
        """The trials of a study, by number; [] where there are none, or no study. Cost: one row a trial."""
        with self._database.read() as connection:
            return _trials(connection, study)

    def take_trial(
        self, study: str, suggest: Suggest, *, outside_s: float | None = None, most_attempts: int = 3
    ) -> TakenTrial | None:
        """A trial to work on: one whose worker died, else a new one.

        Parameters
        ----------
        study : str
            Its name.
        suggest : callable
            From the trials there are to what the next one tries and the numbers whose results that saw; None = no new
            trial now. Called without a lock held; asked again where somebody else took that number meanwhile.
        outside_s : float, optional
            The worker is no process of ours: its lease lasts so many seconds from each report. By default this
            process holds it, and is known dead as soon as it is.
        most_attempts : int
            A trial that so many workers died over is counted as failed.

        Returns None where there is nothing to do now.
        """
        while True:
            with self._database.write() as connection:
                taken = self._retake(connection, study, outside_s, most_attempts)
                rows = [] if taken is not None else _trials(connection, study)
            if taken is not None:
                return taken
            found = suggest(rows)
            if found is None:
                return None
            params, seen = found
            number = len(rows)
            with self._database.write() as connection:
                (there,) = connection.execute("SELECT count(*) FROM trials WHERE study = ?", (study,)).fetchone()
                if there != number:
                    continue
                lease = self._lease(connection, study, number, outside_s)
                connection.execute(
                    "INSERT INTO trials VALUES (?, ?, ?, 'running', NULL, '{}', ?, '', 1, ?, NULL)",
                    (study, number, encode(params), json.dumps(list(seen)), _lease.now_us()),
                )
            return TakenTrial(study, number, dict(params), lease.token, 1, tuple(seen))

    def report_trial(
        self, trial: TakenTrial, losses: Mapping[int, float] | None = None, *, outside_s: float | None = None
    ) -> None:
        """Note what a trial reached by step, and renew its lease; LeaseLost where another took it over."""
        with self._database.write() as connection:
            _lease.renew(connection, _subject(trial.study, trial.number), trial.token, outside_s or self._lease_s)
            if losses:
                known = _row(connection, trial.study, trial.number).losses
                connection.execute(
                    "UPDATE trials SET losses = ? WHERE study = ? AND number = ?",
                    (_write_losses({**known, **losses}), trial.study, trial.number),
                )

    def end_trial(
        self,
        trial: TakenTrial,
        state: str,
        *,
        value: float | None = None,
        losses: Mapping[int, float] | None = None,
        reason: str = "",
    ) -> None:
        """Count a trial, once; LeaseLost, with nothing written, where another took it over.

        Parameters
        ----------
        trial : TakenTrial
            From `take_trial`.
        state : str
            "succeeded", "stopped" or "failed".
        value : float, optional
            Finite; needed by "succeeded".
        losses : mapping of int to float, optional
            What it reported by step, beside what `report_trial` noted.
        reason : str
            Why it failed or was stopped.
        """
        _check_end(state, value)
        with self._database.write() as connection:
            _lease.release(connection, _subject(trial.study, trial.number), trial.token)
            self._end(connection, trial.study, trial.number, state, value, losses, reason)

    def fail_trial(self, study: str, number: int, reason: str) -> bool:
        """Count a running trial as failed, whoever has it in hand; False where it had ended already."""
        with self._database.write() as connection:
            if _row(connection, study, number).state != "running":
                return False
            connection.execute("DELETE FROM leases WHERE subject = ?", (_subject(study, number),))
            self._end(connection, study, number, "failed", None, None, reason)
        return True

    def attach_trial(self, study: str, number: int, token: str) -> TakenTrial:
        """The trial that somebody outside has in hand, from what they were told; LeaseLost where it is theirs no more.

        Raises UnknownName for a study or trial that is not there.
        """
        with self._database.read() as connection:
            row = _row(connection, study, number)
            lease = _lease.read_lease(connection, _subject(study, number))
        if lease is None or lease.token != token:
            said = "has ended" if row.state != "running" else "was given to another worker"
            raise LeaseLost(f"trial {number} of study {study!r} {said}", fix="ask for another; nothing was written")
        return TakenTrial(study, number, row.params, token, row.num_attempts, row.seen)

    def _retake(
        self, connection: Connection, study: str, outside_s: float | None, most_attempts: int
    ) -> TakenTrial | None:
        _study(connection, study)
        running = connection.execute(
            "SELECT number FROM trials WHERE study = ? AND state = 'running' ORDER BY number", (study,)
        ).fetchall()
        for (number,) in running:
            lease = _lease.read_lease(connection, _subject(study, number))
            if lease is not None and _is_held(lease):
                continue
            row = _row(connection, study, number)
            if row.num_attempts >= most_attempts:
                reason = f"{row.num_attempts} workers died over it"
                connection.execute("DELETE FROM leases WHERE subject = ?", (_subject(study, number),))
                self._end(connection, study, number, "failed", None, None, reason)
                continue
            taken = self._lease(connection, study, number, outside_s)
            connection.execute(
                "UPDATE trials SET num_attempts = num_attempts + 1, losses = '{}', started_us = ?"
                " WHERE study = ? AND number = ?",
                (_lease.now_us(), study, number),
            )
            return TakenTrial(study, number, row.params, taken.token, row.num_attempts + 1, row.seen)
        return None

    def _lease(self, connection: Connection, study: str, number: int, outside_s: float | None) -> Any:
        lease = _lease.take(connection, _subject(study, number), outside_s or self._lease_s)
        if outside_s is not None:
            connection.execute("UPDATE leases SET host = ? WHERE subject = ?", (_OUTSIDE, lease.subject))
        return lease

    def _end(
        self,
        connection: Connection,
        study: str,
        number: int,
        state: str,
        value: float | None,
        losses: Mapping[int, float] | None,
        reason: str,
    ) -> None:
        known = _row(connection, study, number).losses
        connection.execute(
            "UPDATE trials SET state = ?, value = ?, losses = ?, reason = ?, ended_us = ?"
            " WHERE study = ? AND number = ?",
            (state, value, _write_losses({**known, **(losses or {})}), reason[:2000], _lease.now_us(), study, number),
        )
        self._append(connection, "trial-ended", {"study": study, "number": number, "state": state})


def _is_held(lease: Any) -> bool:
    if lease.host == _OUTSIDE:
        return bool(lease.expires_us > _lease.now_us())
    return _lease.holder_is_alive(lease)


def _subject(study: str, number: int) -> str:
    return f"trial:{study}:{number}"


def _check_end(state: str, value: float | None) -> None:
    if state not in TRIAL_STATES[1:]:
        raise UnknownName("state of a trial that ended", str(state), TRIAL_STATES[1:])
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise InvalidInput(f"value = {value!r}", expected="a number")
    if value is not None and not math.isfinite(value):
        raise InvalidInput(f"value = {value!r}", expected="a finite number", fix="a trial that diverged has failed")
    if (state == "succeeded") and value is None:
        raise InvalidInput("a trial succeeded without a value", expected="a finite number")


def _study(connection: Connection, name: str) -> StudyRow:
    row = connection.execute("SELECT name, spec, created_us FROM studies WHERE name = ?", (name,)).fetchone()
    if row is None:
        there = [known for (known,) in connection.execute("SELECT name FROM studies ORDER BY created_us DESC LIMIT 30")]
        raise UnknownName("study", name, there)
    return StudyRow(row[0], decode(row[1]), row[2])


def _trials(connection: Connection, study: str) -> list[TrialRow]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM trials WHERE study = ? ORDER BY number", (study,))  # noqa: S608  # our own constant
    return [_to_trial(row) for row in rows]


def _row(connection: Connection, study: str, number: int) -> TrialRow:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM trials WHERE study = ? AND number = ?",  # noqa: S608  # our own constant
        (study, number),
    ).fetchone()
    if row is None:
        raise UnknownName(f"trial of study {study!r}", str(number), [])
    return _to_trial(row)


def _to_trial(row: Sequence[Any]) -> TrialRow:
    losses = {int(step): value for step, value in decode(row[4]).items()}
    params, seen = decode(row[1]), tuple(json.loads(row[5]))
    return TrialRow(row[0], params, row[2], row[3], dict(sorted(losses.items())), seen, *row[6:])


def _write_losses(losses: Mapping[int, float]) -> str:
    return encode({str(int(step)): float(value) for step, value in losses.items()})

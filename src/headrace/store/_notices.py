"""Notices: what is to be told of runs that ended, kept with their end until somebody has told it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.store import _lease
from headrace.store._approvals import Approvals
from headrace.store._records import decode, encode

__all__ = ["Notice", "Notices"]

_MOST_TRIES = 5
"""How many processes may begin to tell a notice: what kills, or hangs, five of them is given up."""


@dataclass(frozen=True)
class Notice:
    """What is to be told of a run that ended.

    Parameters
    ----------
    notice_id : int
        Counts up.
    run_id : str
        The run.
    body : dict
        What `finish_run` was given.
    num_tries : int
        How many processes have begun to tell it, this one included.
    time_us : int
        When the run ended, UTC epoch microseconds.
    """

    notice_id: int
    run_id: str
    body: dict[str, Any]
    num_tries: int
    time_us: int


class Notices(Approvals):
    """The part of a Store that keeps what is to be told."""

    def take_notice(self) -> Notice | None:
        """The oldest notice that nobody has told and no living process is telling; it is ours to tell, then.

        Cost: one look into an index of what is untold; a transaction where there is something.
        """
        with self._database.read() as connection:
            if connection.execute("SELECT 1 FROM notices WHERE told IS NULL LIMIT 1").fetchone() is None:
                return None
        with self._database.write() as connection:
            rows = connection.execute(
                "SELECT notice_id, run_id, body, num_tries, time_us FROM notices WHERE told IS NULL ORDER BY notice_id"
            ).fetchall()
            for notice_id, run_id, body, num_tries, time_us in rows:
                lease = _lease.read_lease(connection, _subject(notice_id))
                if lease is not None and _lease.holder_is_alive(lease):
                    continue
                if num_tries >= _MOST_TRIES:
                    self._end_telling(connection, notice_id, run_id, {"given_up": num_tries})
                    continue
                _lease.take(connection, _subject(notice_id), self._lease_s)
                connection.execute("UPDATE notices SET num_tries = num_tries + 1 WHERE notice_id = ?", (notice_id,))
                return Notice(notice_id, run_id, decode(body), num_tries + 1, time_us)
        return None

    def end_notice(self, notice: Notice, told: Mapping[str, Any]) -> None:
        """Record that a notice was told, and to whom: it is never told again, and an event says so."""
        with self._database.write() as connection:
            self._end_telling(connection, notice.notice_id, notice.run_id, told)

    def _end_telling(self, connection: Any, notice_id: int, run_id: str, told: Mapping[str, Any]) -> None:
        connection.execute(
            "UPDATE notices SET told = ? WHERE notice_id = ? AND told IS NULL", (encode(dict(told)), notice_id)
        )
        connection.execute("DELETE FROM leases WHERE subject = ?", (_subject(notice_id),))
        self._append(connection, "run-told", told, run_id=run_id)


def _subject(notice_id: int) -> str:
    return f"notice-{notice_id}"

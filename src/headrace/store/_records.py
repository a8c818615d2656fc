"""What all parts of the store share: the home and the data base."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.canonical import from_canonical, to_canonical
from headrace.errors import StoreError
from headrace.store._database import Connection, Database
from headrace.store._home import Home
from headrace.store._lease import now_us

__all__ = ["Records", "decode", "encode"]


def encode(value: Any) -> str:
    """Plain data as the text of a JSON column."""
    return to_canonical(value).decode("utf-8", "surrogatepass")


def decode(text: str) -> Any:
    """Plain data from the text of a JSON column."""
    return from_canonical(text.encode("utf-8", "surrogatepass"))


class Records:
    """The state that the parts of a Store work on."""

    def __init__(self, home: Home, database: Database, *, lease_s: float, is_read_only: bool) -> None:
        self._home, self._database, self._lease_s = home, database, lease_s
        self.is_read_only = is_read_only

    @property
    def lease_s(self) -> float:
        """How long a lease lasts without renewal, in seconds; renew at a third of it."""
        return self._lease_s

    def _refuse_when_read_only(self) -> None:
        """For calls that write files before their transaction, which would refuse too late."""
        if self.is_read_only:
            raise StoreError("the store was opened to read only", where=str(self._home.path))

    @staticmethod
    def _append(
        connection: Connection,
        kind: str,
        body: Mapping[str, Any],
        *,
        run_id: str | None = None,
        attempt_id: str | None = None,
    ) -> None:
        connection.execute(
            "INSERT INTO events (time_us, run_id, attempt_id, kind, body) VALUES (?, ?, ?, ?, ?)",
            (now_us(), run_id, attempt_id, kind, encode(dict(body))),
        )

"""Pins: artifacts that a person wants to keep, whatever the runs; each is an event, and so is its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from headrace.store._database import Connection
from headrace.store._records import decode

__all__ = ["PINNED", "UNPINNED", "Pin", "pins"]

PINNED, UNPINNED = "artifact-pinned", "artifact-unpinned"


@dataclass(frozen=True)
class Pin:
    """An artifact that stays, with all it refers to.

    Parameters
    ----------
    digest : str
        The artifact.
    who : str
        Who pinned it.
    because : str
        Why.
    time_us : int
        When, in UTC epoch microseconds.
    """

    digest: str
    who: str
    because: str
    time_us: int


def pins(connection: Connection) -> dict[str, Pin]:
    """What is pinned now, by digest. Cost: one pass over the events."""
    found: dict[str, Pin] = {}
    rows = connection.execute(
        "SELECT kind, time_us, body FROM events WHERE kind IN (?, ?) ORDER BY event_id", (PINNED, UNPINNED)
    )
    for kind, time_us, text in rows:
        body: dict[str, Any] = decode(text)
        if kind == UNPINNED:
            found.pop(body["digest"], None)
        else:
            found[body["digest"]] = Pin(body["digest"], body["who"], body["because"], time_us)
    return found

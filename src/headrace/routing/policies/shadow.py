"""The newest version answers in the background, and nobody gets its answers."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.routing._contract import Policy, Tables, Traffic

__all__ = ["Shadow"]


@dataclass(frozen=True)
class Shadow(Policy):
    """The champion answers everything; the newest version is asked the same, and only the log hears it.

    For a version that is to be seen at real requests before anybody depends on it. A shadow is asked after the answer
    has gone out, on a thread of its own; where it cannot keep up, requests are left out, never slowed.

    >>> policy, traffic = Shadow(), Traffic((1, 2), champion=1)
    >>> policy.tables(traffic, 0), policy.shadows(traffic)
    ({'all': {1: 1.0}}, (2,))
    """

    def tables(self, traffic: Traffic, now_us: int) -> Tables:
        """All for the champion."""
        table = {} if traffic.champion is None else {traffic.champion: 1.0}
        return {segment: dict(table) for segment in traffic.segments}

    def shadows(self, traffic: Traffic) -> tuple[int, ...]:
        """The challenger."""
        return () if traffic.challenger is None else (traffic.challenger,)

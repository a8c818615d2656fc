"""One version answers everything."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.routing._contract import Policy, Tables, Traffic

__all__ = ["Single"]


@dataclass(frozen=True)
class Single(Policy):
    """The champion answers every request: what an endpoint does without a policy.

    >>> Single().tables(Traffic((1, 2), champion=1), 0)
    {'all': {1: 1.0}}
    """

    def tables(self, traffic: Traffic, now_us: int) -> Tables:
        """All for the champion."""
        table = {} if traffic.champion is None else {traffic.champion: 1.0}
        return {segment: dict(table) for segment in traffic.segments}

"""Dates: moments that all are midnight."""

from __future__ import annotations

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Date"]


class Date(SemanticType):
    """Timestamps of which each is midnight in UTC."""

    rank = 17

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the values."""
        if seen.kind != "timestamp" or not seen.is_whole or seen.num_distinct < 2:
            return None
        return Evidence(1.0, "every moment is midnight")

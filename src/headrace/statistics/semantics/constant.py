"""Constant: one value in every row that has any."""

from __future__ import annotations

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Constant"]


class Constant(SemanticType):
    """There is one value, in more than one row."""

    rank = 0

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the count of distinct values."""
        if not seen.is_exact or seen.num_distinct != 1 or seen.num_present < 2:
            return None
        where = "every row" if seen.num_present == seen.num_rows else "every row that has one"
        return Evidence(1.0, f"the same value in {where}")

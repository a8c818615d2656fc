"""Categories: few values, each in many rows."""

from __future__ import annotations

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Category"]

_MOST_TEXTS = 200
_MOST_NUMBERS = 20
_REPEATS = 10


class Category(SemanticType):
    """Texts or whole numbers with few distinct values, each in ten rows on average at the least."""

    rank = 32

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the counts."""
        most = {"text": _MOST_TEXTS, "integer": _MOST_NUMBERS, "boolean": 2}.get(seen.kind, 0)
        if not seen.is_exact or not 2 <= seen.num_distinct <= most or seen.num_present < _REPEATS * seen.num_distinct:
            return None
        return Evidence(1.0, f"{seen.num_distinct} values in {seen.num_present:,} rows")

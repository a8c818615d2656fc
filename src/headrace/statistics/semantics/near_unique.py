"""Near-unique: values that hardly ever repeat."""

from __future__ import annotations

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["NearUnique"]

_FEWEST = 20
_MOST = 0.9


class NearUnique(SemanticType):
    """Texts or whole numbers with nine distinct values in ten rows, or more; they say little about new rows."""

    rank = 31

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the counts."""
        if seen.kind not in ("text", "integer", "timestamp") or seen.num_present < _FEWEST:
            return None
        share = min(1.0, seen.num_distinct / seen.num_present)
        about = "" if seen.is_exact else "about "
        return Evidence(share, f"{about}{share:.0%} of rows have a value of their own") if share >= _MOST else None

"""Identifiers: a value of its own for each row."""

from __future__ import annotations

import re

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Identifier"]

_UUID = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_NAME = re.compile(r"(^|[_.\s])(id|key|uuid|guid|number|no|code)$|[a-z](Id|ID|Key|Uuid|Number|Code)$", re.IGNORECASE)
_FEWEST = 20
_LONGEST = 64
_MOST = 0.95


class Identifier(SemanticType):
    """Whole numbers or short texts, without gaps, no two rows alike; or UUIDs."""

    rank = 20

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the counts, and the form of texts."""
        share = seen.share(_UUID.fullmatch)
        if share >= _MOST:
            return Evidence(share, f"{share:.0%} of values are UUIDs")
        is_short = seen.kind == "text" and seen.mean_length <= _LONGEST and not seen.share(lambda text: " " in text)
        if not is_short and seen.kind != "integer":
            return None
        if seen.num_present < _FEWEST or seen.num_present < seen.num_rows:
            return None
        if seen.is_exact and seen.num_distinct == seen.num_present:
            return Evidence(1.0, "no two rows have the same value")
        # HyperLogLog is within 2 %: that is unique only where the name says so too.
        if not seen.is_exact and seen.num_distinct >= 0.97 * seen.num_present and _NAME.search(seen.name):
            return Evidence(1.0, "about as many values as rows, and the name says so")
        return None

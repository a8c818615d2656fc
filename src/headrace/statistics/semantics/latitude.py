"""Latitudes: degrees, in a column that is called so."""

from __future__ import annotations

import re

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Latitude"]

_NAME = re.compile(r"(^|[_.\s])lat(itude)?($|[_.\s])|[a-z](Lat|Latitude)$")


class Latitude(SemanticType):
    """Numbers within 90 degrees, not all of them whole, in a column named for it."""

    rank = 15

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the name and the range."""
        if seen.kind not in ("number", "decimal") or seen.is_whole or seen.min is None:
            return None
        if not _NAME.search(seen.name) and not _NAME.search(seen.name.lower()):
            return None
        if seen.min < -90 or seen.max > 90:
            return None
        return Evidence(1.0, "the name says so, and all values lie within 90 degrees")

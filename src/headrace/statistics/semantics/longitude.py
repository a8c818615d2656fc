"""Longitudes: degrees, in a column that is called so."""

from __future__ import annotations

import re

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Longitude"]

_NAME = re.compile(r"(^|[_.\s])(lon|lng|long|longitude)($|[_.\s])|[a-z](Lon|Lng|Long|Longitude)$")


class Longitude(SemanticType):
    """Numbers within 180 degrees, not all of them whole, in a column named for it."""

    rank = 16

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the name and the range."""
        if seen.kind not in ("number", "decimal") or seen.is_whole or seen.min is None:
            return None
        if not _NAME.search(seen.name) and not _NAME.search(seen.name.lower()):
            return None
        if seen.min < -180 or seen.max > 180:
            return None
        return Evidence(1.0, "the name says so, and all values lie within 180 degrees")

"""URLs."""

from __future__ import annotations

import re

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Url"]

_FORM = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*://|www\.)[^\s/]+\S*")
_MOST = 0.95


class Url(SemanticType):
    """Texts of the form scheme://host, or www.host."""

    rank = 11

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the form of values."""
        share = seen.share(_FORM.fullmatch)
        return Evidence(share, f"{share:.0%} of values read scheme://host") if share >= _MOST else None

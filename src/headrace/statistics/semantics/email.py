"""E-mail addresses."""

from __future__ import annotations

import re

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["Email"]

_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_MOST = 0.95


class Email(SemanticType):
    """Texts of the form name@host.domain."""

    rank = 10

    def recognise(self, seen: Seen) -> Evidence | None:
        """By the form of values."""
        share = seen.share(_ADDRESS.fullmatch)
        return Evidence(share, f"{share:.0%} of values read name@host") if share >= _MOST else None

"""Free text: sentences."""

from __future__ import annotations

from headrace.statistics._contract import Evidence, Seen, SemanticType

__all__ = ["FreeText"]

_WORDS = 4
_LENGTH = 20.0


class FreeText(SemanticType):
    """Texts that are long, of several words, and mostly not the same."""

    rank = 30

    def recognise(self, seen: Seen) -> Evidence | None:
        """By length and words."""
        if seen.kind != "text" or seen.mean_length < _LENGTH or seen.num_distinct < 0.2 * seen.num_present:
            return None
        share = seen.share(lambda value: len(value.split()) >= _WORDS)
        return Evidence(share, f"{share:.0%} of values have {_WORDS} words or more") if share >= 0.5 else None

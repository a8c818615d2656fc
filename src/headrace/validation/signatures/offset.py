"""Moved by a constant."""

from __future__ import annotations

from headrace.validation._explanation import mixes
from headrace.validation._signature import Change, Sign, Signature, medians, plain, shown

__all__ = ["Offset"]

MIN_SHIFT = 0.3  # of a standard deviation


class Offset(Signature):
    """Values are a constant more (or less) than they were, and spread as before: another zero, another time zone."""

    code = "offset"
    rank = 5
    min_rate = 0.5

    def find(self, change: Change) -> Sign | None:
        """The constant, where all rows moved by it."""
        before, after = change.latest, change.after
        if not before.is_number or change.has_few or len(before.values) < 8 or len(after.values) < 8 or not change.gap:
            return None
        shift = after.quantile(0.5) - before.quantile(0.5)
        scale = before.moments[1]
        if not scale > 0 or abs(shift) < MIN_SHIFT * scale or not change.is_leap:
            return None
        mix = mixes(before, after, before.mapped(before.values + shift))
        if mix is None or mix.rate < 0.85 or mix.explained < 0.95 or mix.rest > 0.2 * mix.gap:
            return None
        return Sign(
            1.0,
            plain(shift),
            f"values are {shown(abs(shift))} {'more' if shift > 0 else 'less'} than they were",
            is_plain=abs(shift) > 3 * scale,
            detail=medians(before, after),
            hint="another zero point?",
            before=plain(before.quantile(0.5)),
            after=plain(after.quantile(0.5)),
        )

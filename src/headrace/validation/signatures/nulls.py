"""Values gone missing."""

from __future__ import annotations

from headrace.validation._distances import share_noise
from headrace.validation._signature import Change, Sign, Signature, percent

__all__ = ["Nulls"]


class Nulls(Signature):
    """The share of rows without a value (null or NaN) rose by a tenth of all rows or more, and by more than chance."""

    code = "nulls"
    rank = 0
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The rise; `rate` is of all rows."""
        before, after = change.before, change.after
        rise = after.share_missing - before.share_missing
        if rise <= 0:
            return None
        return Sign(
            rise,
            after.share_missing,
            f"null in {percent(after.share_missing)} rows",
            is_plain=rise >= 0.2,
            noise=share_noise(before.num_missing, before.num_rows, after.num_missing, after.num_rows),
            detail=f"{100 * before.share_missing:.2g} % before",
            before=before.share_missing,
            after=after.share_missing,
            touches="nulls",
        )

"""Out of all bounds."""

from __future__ import annotations

import numpy as np

from headrace.validation._signature import Change, Sign, Signature, percent, plain, shown

__all__ = ["Beyond"]

MARGIN = 0.25


class Beyond(Signature):
    """Numbers far beyond everything seen before, in any slice, for no reason that another signature knows.

    A record is not a fault: far is a quarter of the width of what was seen.
    """

    code = "beyond"
    rank = 6
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The rows outside the range of all earlier spans."""
        everywhere, after = change.everywhere, change.after
        if not everywhere.is_number or change.has_few or not len(everywhere.values):
            return None
        low, high = everywhere.values[0], everywhere.values[-1]
        margin = MARGIN * (float(high) - float(low))
        outside = (after.values < low - margin) | (after.values > high + margin)
        rate = float(after.shares[outside].sum())
        if not rate:
            return None
        return Sign(
            rate,
            plain(after.values[int(np.flatnonzero(outside)[np.argmax(after.counts[outside])])]),
            f"{percent(rate)} values lie far beyond all that was seen, {shown(low)} to {shown(high)}",
            is_plain=False,
            before=plain(high),
            after=plain(after.values[-1]),
            touches="listed",
            listed=after.values[outside],
        )

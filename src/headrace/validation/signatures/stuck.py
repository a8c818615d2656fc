"""One value where there were many."""

from __future__ import annotations

import numpy as np

from headrace.validation._distances import gap, gap_noise, share_noise
from headrace.validation._profile import Profile
from headrace.validation._signature import Change, Sign, Signature, percent, plain, shown

__all__ = ["Stuck"]

RARE = 0.02
NEARLY_ALL = 0.9


class Stuck(Signature):
    """One value holds nearly all rows (a sensor that stands still), or one that was rare holds a good part of them and
    the others are spread as before (a default filled in).
    """

    code = "stuck"
    rank = 1
    min_rate = 0.15

    def find(self, change: Change) -> Sign | None:
        """The most frequent value; `rate` is what its share rose by."""
        before, after = change.before, change.after
        if len(before.values) < 3 or change.has_few or not after.is_exact or before.kind == "timestamp":
            return None
        top = int(np.argmax(after.counts))
        value = after.values[top]
        was = float(before.shares[before.values == value].sum())
        now = float(after.shares[top])
        held = round(was * before.num_present)
        rise = now - was
        if rise <= 0:
            return None
        if now < NEARLY_ALL and not (was < RARE and _rest_is_as_before(before, after, value)):
            return None
        return Sign(
            rise * after.num_present / after.num_rows,
            plain(value),
            f"{percent(now)} values are {shown(value)}",
            is_plain=now >= 0.98 and was < 0.5,
            noise=share_noise(held, before.num_present, int(after.counts[top]), after.num_present),
            detail=f"{100 * was:.2g} % before",
            hint="stuck, or filled in?",
            before=was,
            after=now,
            touches="listed",
            listed=after.values[top : top + 1],
        )


def _rest_is_as_before(before: Profile, after: Profile, value: object) -> bool:
    rest, rest_before = after.only(after.values != value), before.only(before.values != value)
    if not rest.num_present or not rest_before.num_present:
        return True
    if before.is_number:
        return gap(rest_before, rest) <= max(0.15, gap_noise(rest_before, rest))
    now = dict(zip(rest.values.tolist(), rest.shares.tolist(), strict=True))
    was = zip(rest_before.values.tolist(), rest_before.shares.tolist(), strict=True)
    return bool(sum(max(0.0, share - now.get(value, 0.0)) for value, share in was) <= 0.25)

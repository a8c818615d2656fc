"""One value where there were many."""

from __future__ import annotations

import numpy as np

from headrace.validation._distances import gap, gap_noise, share_noise
from headrace.validation._profile import Profile
from headrace.validation._signature import RARE, Change, Sign, Signature, percent, plain, shown

__all__ = ["Stuck"]

NEARLY_ALL = 0.9
TIMES_USUAL = 3.0
MIN_SHARE = 0.15
MANY = 100
TOWER = 0.25
TIMES_NEXT = 8.0
FREQUENT = 0.15  # a value that was met often enough may tower too, but then far higher
TWO_TOWERS = 0.4
PLACEHOLDERS = frozenset({"", "-", "?", "0", "n/a", "N/A", "NA", "na", "nan", "NaN", "null", "NULL", "None", "none"})
PLACEHOLDERS |= {"unknown", "Unknown", "UNKNOWN", "missing", "#N/A"}


class Stuck(Signature):
    """One value holds nearly all rows (a sensor that stands still), or one that was rare holds a good part of them and
    the others are spread as before (a default filled in).
    """

    code = "stuck"
    rank = 1
    min_rate = 0.15

    def find(self, change: Change) -> Sign | None:
        """The most frequent value; `rate` is what its share rose by."""
        found = change.likeliest
        if found is not None and found.code != self.code and found.is_throughout:
            return None  # all that was often held is elsewhere: another fault
        return self._by_share(change) or self._by_likelihood(change)

    def _by_likelihood(self, change: Change) -> Sign | None:
        """The value that few rows are likeliest to have been given (`headrace.validation._maps`)."""
        found, before, after = change.likeliest, change.before, change.after
        if found is None or found.code != self.code:
            return None
        now = float(after.shares[after.values == found.value].sum())
        was = float(before.shares[before.values == found.value].sum())
        if now - was <= TIMES_USUAL * change.usual_rise(is_news=False):
            return None
        everywhere = change.everywhere
        return Sign(
            now - was,
            found.value,
            f"{percent(now)} values are {shown(found.value)}",
            is_plain=not everywhere.values[0] <= found.value <= everywhere.values[-1] or (was < RARE and now >= TOWER),
            detail=f"{100 * was:.2g} % before",
            hint="stuck, or filled in?",
            before=was,
            after=now,
            touches="listed",
            listed=after.values[after.values == found.value],
            nats=found.gain.nats,
            is_throughout=found.is_throughout,
        )

    def _by_share(self, change: Change) -> Sign | None:
        before, after = change.before, change.after
        if len(before.values) < 3 or not len(after.values) or not after.is_exact or before.kind == "timestamp":
            return None
        known = dict(zip(before.values.tolist(), before.shares.tolist(), strict=True))
        rises = after.shares - np.array([known.get(value, 0.0) for value in after.values.tolist()])
        top = int(np.argmax(rises))
        value, rise, now = after.values[top], float(rises[top]), float(after.shares[top])
        was, most = now - rise, float(before.shares.max())
        if now < MIN_SHARE or rise <= TIMES_USUAL * change.usual_rise(is_news=was < RARE):
            return None
        everywhere = change.everywhere
        if everywhere.is_number:
            is_foreign = not everywhere.values[0] <= value <= everywhere.values[-1]
        else:
            is_foreign = value in PLACEHOLDERS and value not in everywhere.known
        has_many = min(before.num_present, after.num_present) >= MANY
        is_filled = (is_foreign and _rest_is_as_before(change, value, 0.5)) or (
            was < RARE and has_many and (_rest_is_as_before(change, value, 0.15) or _towers(after, rise))
        )
        is_filled = is_filled or (was < FREQUENT and has_many and rise >= TWO_TOWERS and _towers(after, rise))
        if not is_filled and (now < NEARLY_ALL or now <= most + 0.1 * (1 - most)):
            return None
        held = round(was * before.num_present)
        return Sign(
            rise,
            plain(value),
            f"{percent(now)} values are {shown(value)}",
            is_plain=is_foreign or (now >= 0.98 and was < 0.5),
            noise=share_noise(held, before.num_present, int(after.counts[top]), after.num_present),
            detail=f"{100 * was:.2g} % before",
            hint="stuck, or filled in?",
            before=was,
            after=now,
            touches="listed",
            listed=after.values[top : top + 1],
        )


def _towers(after: Profile, rise: float) -> bool:
    """Whether the value stands so far above all others that it cannot be the season that moves these."""
    shares = np.sort(after.shares)
    return rise >= TOWER and len(shares) >= 5 and bool(shares[-1] >= TIMES_NEXT * shares[-2])


def _rest_is_as_before(change: Change, value: object, allowed: float) -> bool:
    """Whether the other values are spread as before, or as they were last, but for a gap allowed."""
    rest = change.after.only(change.after.values != value)
    for earlier in (change.before, change.latest):
        was = earlier.only(earlier.values != value)
        if not rest.num_present or not was.num_present:
            return True
        if rest.is_number:
            if gap(was, rest) <= max(allowed, gap_noise(was, rest)):
                return True
            continue
        now = dict(zip(rest.values.tolist(), rest.shares.tolist(), strict=True))
        known = zip(was.values.tolist(), was.shares.tolist(), strict=True)
        if sum(max(0.0, share - now.get(one, 0.0)) for one, share in known) <= allowed + 0.1:
            return True
    return False

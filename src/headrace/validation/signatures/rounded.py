"""Fewer digits than before."""

from __future__ import annotations

import numpy as np

from headrace.validation._distances import gap, gap_noise, share_noise
from headrace.validation._profile import GRIDS, Profile
from headrace.validation._signature import Change, Sign, Signature, percent, plain, shown

__all__ = ["Rounded"]

MOST_BEFORE = 0.6  # where more of the values were round already, more round ones are no news
MIN_DISTINCT = 5
NEARLY_ALL = 0.95
PART = 0.4  # timetables, too, have rounder numbers in one month than in another, but not by so much
MOST_BEFORE_PART = 0.2
MIN_ROWS_PART = 100
MAX_MOVED = 1.5  # grid steps that a mean may have moved by
MOST_SPREADS = 2.0  # or standard deviations: a season moves it, but stretches nothing


class Rounded(Signature):
    """Numbers have lost digits: they lie on a grid of 1, 10, 0.1 ..., which they did not before, and are spread as
    before but for that; rounded, truncated, or passed through a narrower type.

    Grids are powers of ten, and thirds and halves of them are not looked for. The rows told are all with a value: which
    of those on the grid were there anyway cannot be known.
    """

    code = "rounded"
    rank = 2
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The coarsest grid that gained most; `rate` is the part of the rows moved onto it."""
        return self._by_shape(change) or self._by_likelihood(change)

    def _by_likelihood(self, change: Change) -> Sign | None:
        """The grid that few rows are likeliest to lie on (`headrace.validation._maps`)."""
        found = change.likeliest
        if found is None or found.code != self.code:
            return None
        was = float(change.before.shares_on_grids[np.flatnonzero(found.value == GRIDS)[0]])
        return Sign(
            1.0,
            found.value,
            f"values are multiples of {shown(found.value)} in all rows",
            is_plain=was <= 0.3,
            detail=f"{100 * was:.2g} % before",
            hint="rounded, or cut off?",
            before=plain(change.before.quantile(0.5)),
            after=plain(change.after.quantile(0.5)),
            nats=found.gain.nats,
            is_throughout=found.is_throughout,
        )

    def _by_shape(self, change: Change) -> Sign | None:
        before, after = change.before, change.after
        if not before.is_number or not before.is_exact or not after.is_exact or change.has_few:
            return None
        if len(after.values) < MIN_DISTINCT or len(before.values) <= MIN_DISTINCT:
            return None
        was, now = before.shares_on_grids, after.shares_on_grids
        rates = np.where(was < MOST_BEFORE, (now - was) / np.maximum(1e-12, 1 - was), 0.0)
        most = float(rates.max())
        if most < self.min_rate / 4:
            return None
        place = int(np.flatnonzero(rates >= 0.9 * most)[-1])
        step, rate = float(GRIDS[place]), float(rates[place])
        count, total = round(was[place] * before.num_present), round(now[place] * after.num_present)
        noise = share_noise(count, before.num_present, total, after.num_present)
        if now[place] - was[place] <= noise:
            return None
        is_few = rate < PART or was[place] > MOST_BEFORE_PART or after.num_present < MIN_ROWS_PART
        if (rate < NEARLY_ALL and is_few) or _num_on_grid(after, step) < MIN_DISTINCT:
            return None
        if not _is_as_before(change, step, rate):
            return None
        off = [value for value in before.values[np.argsort(-before.counts, kind="stable")].tolist() if value % step]
        return Sign(
            rate,
            step,
            f"values are multiples of {shown(step)} in {percent(round(float(now[place]), 3))} rows",
            is_plain=float(was[place]) <= 0.3 and rate >= 0.2,
            noise=noise,
            detail=f"{100 * float(was[place]):.2g} % before",
            hint="rounded, or cut off?",
            before=plain(off[0]) if off else None,
            after=plain(after.values[int(np.argmax(after.counts))]),
        )


def _num_on_grid(profile: Profile, step: float) -> int:
    """Distinct values on a grid, 0 aside: one alone is a value filled in."""
    scaled = profile.values.astype(np.float64) / step
    return int(((np.abs(scaled - np.round(scaled)) < 1e-6) & (np.round(scaled) != 0)).sum())


def _is_as_before(change: Change, step: float, rate: float) -> bool:
    """Whether the values, on the grid's scale, are spread as they were in all earlier spans or in the last one."""
    after = change.after
    for earlier in (change.before, change.latest):
        if not earlier.num_present:
            continue
        allowed = max(0.12, gap_noise(earlier, after))
        for function in (np.floor, np.round, np.trunc):
            moved = earlier.mapped(function(earlier.values / step) * step)
            if rate < 0.9:  # a part of the rows: compare what all would be on the grid
                there = after.mapped(function(after.values / step) * step)
                if gap(moved, there) <= allowed:
                    return True
            elif gap(moved, after.mapped(np.round(after.values / step) * step)) <= allowed:
                return True
    was, now = change.latest.moments, after.moments
    is_near = abs(now[0] - was[0]) <= max(MAX_MOVED * step, MOST_SPREADS * was[1])
    return bool(rate >= NEARLY_ALL and is_near and was[1] / 2 <= now[1] <= 2 * was[1])

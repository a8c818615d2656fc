"""Another time zone."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from headrace.validation._profile import Profile
from headrace.validation._signature import Change, Sign, Signature

__all__ = ["Zone"]

QUARTERS = 96  # of an hour, in a day
MOST_HOURS = 14
SUMMER = 1.75  # hours: nearer than two it may be summer time
MIN_PART = 0.35
WELL = 1.3
MOST_LEFT = 0.3
HOUR_US = 3_600_000_000
MIN_SPANS = 3
MIN_MOVED = 0.1  # of the rows: where a day looks alike at all hours, no shift can be seen
EXPLAINED = 0.9


class Zone(Signature):
    """The clock is a constant off: the hours of the day are spread as before, but so much later or earlier. Found in
    timestamps, and in whole numbers that are hours of a day (0 to 23).

    A shift is a whole number of quarter hours (of hours, in a column of hours), up to fourteen hours. Times that fill
    the day evenly show none; then it is asked where spans begin and end: if all earlier ones do so at one hour of the
    day, and the new one some hours off. One hour is summer time, and no fault.

    Source: the shift is that of the best circular match of two histograms of the day.
    """

    code = "zone"
    rank = 2
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The shift; `rate` is the part of the rows that moved by it, `size` its hours."""
        before, after = change.before, change.after
        if change.has_few or not (before.kind == "timestamp" or _are_hours(change.everywhere)):
            return None
        return _by_day(change, before, after) or _by_ends(change)


def _by_day(change: Change, before: Profile, after: Profile) -> Sign | None:
    was, now = _day(before), _day(after)
    if was is None or now is None:
        return None
    moved = float(np.abs(now - was).sum()) / 2
    if moved < MIN_MOVED or moved <= _noise(was, before, after):
        return None
    step = QUARTERS // len(was) * 15
    was, now = _smooth(was), _smooth(now)
    found: list[tuple[float, float, int]] = []
    for shift in range(-MOST_HOURS * 60 // step, MOST_HOURS * 60 // step + 1):
        rate, rest = _mixed(was, now, np.roll(was, shift)) if shift else (0.0, 1.0)
        if rate >= MIN_PART:
            found.append((rest, rate, shift))
    if not found:
        return None
    least = min(found)[0]
    # Zones differ by whole hours, nearly all: of shifts that fit as well one of these is meant.
    near = [one for one in found if one[0] <= WELL * least + 1e-3]
    rest, rate, shift = min(near, key=lambda one: (one[2] * step % 60 != 0, one[0], abs(one[2])))
    left = float(np.abs(now - (1 - rate) * was - rate * np.roll(was, shift)).sum()) / 2
    if rest > (1 - EXPLAINED) and (rest > MOST_LEFT or left > _noise(was, before, after)):
        return None
    if float(np.abs(now - (1 - rate) * was - rate * np.roll(was, shift)).sum()) > moved:
        return None
    hours = shift * step / 60
    if abs(hours) <= SUMMER:
        return None
    words = f"times are {abs(hours):g} hours {'later' if hours > 0 else 'earlier'} than they were"
    return Sign(
        rate,
        hours,
        words + (f" in {100 * rate:.2g} % of rows" if rate < 0.9 else ""),
        is_plain=rate >= 0.5,
        detail=f"the middle of the day's rows {_clock(was, step)} -> {_clock(now, step)}",
        hint="another time zone?",
        before=_clock(was, step),
        after=_clock(now, step),
        size=hours * hours,
    )


def _by_ends(change: Change) -> Sign | None:
    """The shift of a span's first and last moment, where all earlier spans begin and end at one hour of the day."""
    history = [one for one in change.history if one.num_present]
    if change.before.kind != "timestamp" or len(history) < MIN_SPANS:
        return None
    shifts = []
    for end in (0, -1):
        phases = [int(one.values[end]) // HOUR_US % 24 for one in history]
        first = phases[-1]
        off = [(phase - first + 12) % 24 - 12 for phase in phases]
        if max(off) - min(off) > SUMMER:
            return None
        now = int(change.after.values[end]) // HOUR_US % 24
        shifts.append((now - first + 12) % 24 - 12)
    if min(map(abs, shifts)) <= SUMMER + 1 or abs(shifts[0] - shifts[1]) > SUMMER:
        return None
    hours = float(shifts[0])
    return Sign(
        1.0,
        hours,
        f"times are {abs(hours):g} hours {'later' if hours > 0 else 'earlier'} than they were",
        is_plain=False,
        detail="the span begins and ends that much off the hour at which all earlier ones do",
        hint="another time zone?",
        size=hours * hours,
    )


def _smooth(day: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of an hour around each quarter: few rows fill quarters unevenly."""
    if len(day) != QUARTERS:
        return day
    return (np.roll(day, -2) / 2 + np.roll(day, -1) + day + np.roll(day, 1) + np.roll(day, 2) / 2) / 4


def _are_hours(everywhere: Profile) -> bool:
    values = everywhere.values
    if everywhere.kind != "integer" or not 12 <= len(values) <= 24:
        return False
    return bool(values[0] >= 0 and values[-1] <= 23)


def _day(profile: Profile) -> npt.NDArray[np.float64] | None:
    """The shares of the day's quarter hours, or of its hours; None where numbers are no hours."""
    if profile.kind == "timestamp":
        return profile.clock
    if not len(profile.values) or profile.values[0] < 0 or profile.values[-1] > 23:
        return None
    return np.bincount(profile.values.astype(np.int64), weights=profile.shares, minlength=24).astype(np.float64)


def _noise(was: npt.NDArray[np.float64], before: Profile, after: Profile) -> float:
    """What half the sum of the differences stays below by chance: its mean and four of its deviations, each difference
    being about normal."""
    inverse = 1 / max(1, before.num_present) + 1 / max(1, after.num_present)
    spread = np.sqrt(was * (1 - was) * inverse)
    mean = math.sqrt(2 / math.pi) * float(spread.sum())
    return (mean + 4 * math.sqrt((1 - 2 / math.pi) * float((spread * spread).sum()))) / 2


def _mixed(
    was: npt.NDArray[np.float64], now: npt.NDArray[np.float64], would: npt.NDArray[np.float64]
) -> tuple[float, float]:
    """The part that moved, by least squares, and the share of the squared difference that this leaves."""
    change, moved = would - was, now - was
    square = float((change * change).sum())
    if square <= 0:
        return 0.0, 1.0
    rate = float(np.clip((moved * change).sum() / square, 0.0, 1.0))
    rest = moved - rate * change
    return rate, float((rest * rest).sum() / (moved * moved).sum())


def _clock(day: npt.NDArray[np.float64], step: int) -> str:
    minutes = int(np.searchsorted(np.cumsum(day), 0.5)) * step
    return f"{minutes // 60:02d}:{minutes % 60:02d}"

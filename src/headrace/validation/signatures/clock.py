"""A clock that is off against the hour in another column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.fold import Distribution
from headrace.validation._cells import Cell
from headrace.validation._distances import share_noise
from headrace.validation._profile import Profile
from headrace.validation._search import MIN_MOVED, Fault, Key, explain
from headrace.validation._signature import FEW, Sign
from headrace.validation._span_signature import SpanChange, SpanFault, SpanSignature

__all__ = ["Clock"]

QUARTERS = 96  # of an hour, in a day
NEAR = 5  # quarters either way: summer time is no fault
LEAST = 7  # quarters: nearer than two hours it may be summer time
MOST_HOURS = 14
TOGETHER = 0.97  # of earlier rows: so many as lie near one distance, or the columns do not go together
MIN_PART = 0.1
ONE_SHIFT = 0.8  # of the rows that are off: so many by one shift
MANY = 12  # hours of a day


class Clock(SpanSignature):
    """The hour of a timestamp, and an hour of the day in another column, lie as far from each other as ever: until a
    clock goes by another zone. Where rows fill the day evenly nothing else shows it.

    For each pair of a timestamp and a column of whole numbers in 0 to 23 whose distance was the same, within an hour
    of summer time, in 97 of 100 earlier rows. The timestamp is what is told of, unless the other column is at fault by
    itself. Cost: the timestamps by hour, and where they are off by hour and slice.
    """

    code = "clock"
    rank = 1

    def find(self, change: SpanChange) -> list[SpanFault]:
        """At most one fault a timestamp in each slice that is off."""
        answer = []
        for name, cell in change.whole.items():
            if cell.after.kind != "timestamp":
                continue
            for hours, other in change.whole.items():
                if not _are_hours(other) or change.faults.get(hours):
                    continue
                faults = _off(change, name, hours)
                if faults:
                    answer += [SpanFault(name, fault, (name,)) for fault in faults]
                    break
        return answer


def _are_hours(cell: Cell) -> bool:
    """Whether these are hours of a day, before and after."""
    if cell.after.kind != "integer":
        return False
    sides = [one.values for one in (cell.before, cell.after)]
    return all(len(one) >= MANY and one[0] >= 0 and one[-1] <= 23 for one in sides)


def _off(change: SpanChange, name: str, hours: str) -> list[Fault]:
    fold = Distribution(name, "timestamp")
    found = change.beside.by_slice([fold], [(hours,)], change.span, min_rows=1)[name]
    whole = _mark(_by_hour(found[hours,].items()), change.whole[name].after, ())
    if whole is None:
        return []
    marks: dict[str, list[Fault]] = {"": [whole] if whole.sign.rate >= MIN_PART else []}
    keys = [(column, hours) for column in change.columns]
    for (column, _), cells in change.beside.by_slice([fold], keys, change.span, min_rows=1)[name].items():
        values = {value[0] for value in cells}
        for value in sorted(values, key=str):
            part = [(key, cell) for key, cell in cells.items() if key[0] == value]
            fault = _mark(_by_hour(part), None, ((column, value),))
            if fault is not None and fault.sign.rate >= MIN_PART:
                marks.setdefault(column, []).append(fault)
    if not marks[""]:
        del marks[""]
    return explain(marks, change.whole[name].after.num_rows)[0] if marks else []


def _by_hour(cells: Iterable[tuple[tuple[Any, ...], Cell]]) -> list[tuple[int, Cell]]:
    return [(int(key[-1]), cell) for key, cell in cells if key[-1] is not None]


def _apart(cells: Sequence[tuple[int, Profile]]) -> npt.NDArray[np.float64]:
    """float64[96]: rows by how many quarter hours the clock is later than the hour beside it."""
    total = np.zeros(QUARTERS)
    for hour, profile in cells:
        if profile.num_present:
            total += np.roll(profile.clock, -4 * hour) * profile.num_present
    return total


def _mark(cells: Sequence[tuple[int, Cell]], whole: Profile | None, key: Key) -> Fault | None:
    was = _apart([(hour, cell.before) for hour, cell in cells])
    now = _apart([(hour, cell.after) for hour, cell in cells])
    if min(was.sum(), now.sum()) < (FEW if whole is not None else MIN_MOVED):
        return None
    usual = _window(int(np.argmax(_smooth(was))))
    latest = _apart([(hour, cell.history[-1]) for hour, cell in cells])
    if was[usual].sum() < TOGETHER * was.sum():
        return None
    off = np.where(usual, 0.0, now)
    moved = float(off.sum())
    if moved < MIN_MOVED:
        return None
    near = _smooth(off)
    place = int(np.argmax(near))
    shift = _signed(place - int(np.argmax(_smooth(latest if latest.any() else was))))
    there = _window(place) & ~usual
    rate = float(off[there].sum() / now.sum())
    if off[there].sum() < ONE_SHIFT * moved or not LEAST <= abs(shift) <= 4 * MOST_HOURS:
        return None
    noise = share_noise(round(was[there].sum()), round(was.sum()), round(off[there].sum()), round(now.sum()))
    if rate - was[there].sum() / was.sum() <= noise:
        return None
    hours = shift / 4
    part = f" in {100 * rate:.2g} % of rows" if rate < 0.9 else ""
    sign = Sign(
        rate,
        hours,
        f"times are {abs(hours):g} hours {'later' if hours > 0 else 'earlier'} than they were{part}",
        is_plain=True,
        detail="against the hour in the column beside them",
        hint="another time zone?",
        size=hours * hours,
    )
    total = round(now.sum())
    return Fault(Clock.code, key, sign, True, round(off[there].sum()), total, total)


def _window(middle: int) -> npt.NDArray[np.bool_]:
    away = np.abs((np.arange(QUARTERS) - middle + QUARTERS // 2) % QUARTERS - QUARTERS // 2)
    return np.asarray(away <= NEAR)


def _smooth(day: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows within half an hour of each quarter, the nearest counting most: whose largest is in the middle of them."""
    return sum(((3 - abs(step)) * np.roll(day, step) for step in range(-2, 3)), np.zeros(QUARTERS))


def _signed(quarters: int) -> int:
    return (quarters + QUARTERS // 2) % QUARTERS - QUARTERS // 2

"""A part of the data did not come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.validation._profile import Profile
from headrace.validation._signature import Change, Sign, Signature, plain, shown

__all__ = ["Missing"]

MAX_VALUES = 60
MIN_EXPECTED = 12.0  # rows: fewer may be absent by chance (e^-12 = 6e-6)
SHOWN = 5
PLAIN = 0.1  # of the rows: so much of a category needs no history to be missed
MIN_IN_SLICE = 0.03
MIN_SPANS = 3  # earlier ones: what each of them has is no chance
MIN_EXPECTED_IN_SLICE = 50
TIMES = {"hour": (3_600_000_000, 24), "day of the month": (0, 31), "day of the week": (86_400_000_000, 7)}
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Missing(Signature):
    """Values that every earlier span had are in no row, or in hardly any: an hour, a day, a carrier did not come.

    Looked for in text, booleans and whole numbers of at most 60 values, and in the hours, days of the month and days
    of the week (UTC) of timestamps. A value is absent where twelve rows or more were to be expected, by its smallest
    share in any earlier span, and less than a twentieth of them came. What is left is as many rows as before of each
    other value, so nothing is wrong with the rows that did come. `rate` is the share of rows that did not.
    """

    code = "missing"
    rank = 1
    min_rate = 0.02

    def find(self, change: Change) -> Sign | None:
        """The values that are absent."""
        after = change.after
        history = [one for one in change.history if one.num_present]
        if change.before.kind == "timestamp":
            return self._of_times(history, after, change.is_all) if change.fell > 0 else None
        if change.before.kind == "number" or not change.before.is_exact or not after.is_exact or not history:
            return None
        if len(change.everywhere.values) > MAX_VALUES or not after.num_present:
            return None
        absent, least = _absent(
            [dict(zip(one.values.tolist(), one.shares.tolist(), strict=True)) for one in history],
            dict(zip(after.values.tolist(), after.counts.tolist(), strict=True)),
            after.num_present,
        )
        if absent and after.share_missing - change.before.share_missing >= least:
            return None  # null where they would be
        # Where values never seen, or others, came in their place it is another kind of change.
        if not absent or after.share_unseen(change.before) > 0.2 * least or change.fell < 0.5 * least:
            return None
        if not change.is_all and (least < MIN_IN_SLICE or least * after.num_present < MIN_EXPECTED_IN_SLICE):
            return None
        return self._sign(
            _named(absent),
            least,
            after,
            what="",
            value=absent[0] if len(absent) == 1 else None,
            is_plain=least >= PLAIN and change.before.kind in ("text", "boolean") and change.is_all,
            is_first=change.is_all and len(history) >= MIN_SPANS,
        )

    def _of_times(self, history: list[Profile], after: Profile, is_all: bool) -> Sign | None:
        if not history or not after.num_present:
            return None
        for what, (unit, size) in TIMES.items():
            if size == 24 and not is_all:  # a timetable, and summer time, move a slice's hours
                continue
            before = [dict(enumerate(_cycle(one, unit, size))) for one in history]
            now = _cycle(after, unit, size)
            counts = dict(enumerate((now * after.num_present).tolist()))
            absent, least = _absent(before, counts, after.num_present)
            if absent and len(absent) < size:
                words = [WEEKDAYS[place] for place in absent] if size == 7 else [str(place) for place in absent]
                return self._sign(_listed(words), least, after, what=what, value=None)
        return None

    def _sign(
        self,
        words: str,
        least: float,
        after: Profile,
        *,
        what: str,
        value: object,
        is_plain: bool = False,
        is_first: bool = False,
    ) -> Sign:
        expected = round(least / (1 - least) * after.num_present) if least < 1 else after.num_present
        return Sign(
            least,
            plain(value),
            f"no row has {what + ' ' if what else ''}{words}",
            is_plain=is_plain,
            detail=f"{100 * least:.2g} % of rows before, about {expected:,} rows to be expected",
            hint="did a part not come, or not yet?",
            before=least,
            after=0.0,
            touches="none",
            is_first=is_first,
        )


def _absent(
    before: Sequence[Mapping[Any, float]], now: Mapping[Any, float], num_present: int
) -> tuple[list[Any], float]:
    """The values that hardly came, in order, and the share of all rows that they had before, at the least."""
    shared: set[Any] = set.intersection(*(set(one) for one in before))
    least = {value: min(one[value] for one in before) for value in shared}
    gone = [value for value in sorted(shared, key=_order) if now.get(value, 0) <= 0.05 * least[value] * num_present]
    total = sum(least[value] for value in gone)
    if total >= 1 or num_present * total / max(1e-9, 1 - total) < MIN_EXPECTED:
        return [], 0.0
    # Each by itself must be more than chance; many rare values that are gone are no part of the data.
    kept = [value for value in gone if least[value] * num_present >= MIN_EXPECTED]
    return kept, sum(least[value] for value in kept)


def _order(value: object) -> tuple[int, object]:
    return (1, value) if isinstance(value, str) else (0, value)


def _cycle(profile: Profile, unit: int, size: int) -> npt.NDArray[np.float64]:
    """The shares of a timestamp's rows by hour, day of the month or day of the week."""
    values = profile.values.astype(np.int64)
    if unit == 0:
        days = values.astype("datetime64[us]").astype("datetime64[D]")
        places = (days - days.astype("datetime64[M]")).astype(np.int64)
    elif size == 7:
        places = (values // unit + 3) % 7  # 1970-01-01 was a Thursday
    else:
        places = (values // unit) % size
    return np.bincount(places, weights=profile.shares, minlength=size).astype(np.float64)


def _named(absent: list[object]) -> str:
    if all(isinstance(value, int) for value in absent):
        return _listed(list(_runs([int(str(value)) for value in absent])))
    return _listed([shown(value) for value in absent])


def _runs(values: list[int]) -> Iterator[str]:
    """Numbers that follow each other as one: "3 to 9".

    >>> list(_runs([1, 3, 4, 5, 9]))
    ['1', '3 to 5', '9']
    """
    start = 0
    for place in range(1, len(values) + 1):
        if place == len(values) or values[place] != values[place - 1] + 1:
            first, last = values[start], values[place - 1]
            yield str(first) if first == last else f"{first} to {last}"
            start = place


def _listed(words: list[str]) -> str:
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more

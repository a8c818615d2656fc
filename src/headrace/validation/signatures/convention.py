"""The same values, written otherwise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headrace.validation._distances import unseen_noise
from headrace.validation._explanation import MIN_ROWS
from headrace.validation._mapping import renaming
from headrace.validation._profile import Profile
from headrace.validation._signature import Change, Sign, Signature, renamed

__all__ = ["Convention", "by_shape"]

MOST_SHAPES = 200
MOST_UNDONE = 0.8


class Convention(Signature):
    """Text of another convention: values never seen, that are the old ones in another dress, or of another pattern.

    | found by | example | asks for |
    |---|---|---|
    | undoing it | `" AA"`, `aa`, `US-AA`, `N1422` for `N14228`, `new york` for `new_york` | 80 % become a value seen |
    | pattern | `N14228` (`A99999`) where `99999` is; `31/12/2013` where `2013-12-31` is | a pattern never seen |

    Categories that are renamed one to one are `recoded`, whatever their pattern.
    """

    code = "convention"
    rank = 4
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The rows with a value never seen; words say what was done to them."""
        before, after = change.before, change.after
        if before.kind != "text" or not after.num_present or len(before.values) < 2:
            return None
        if before.is_exact and after.is_exact:
            unseen = after.unseen(before)
            rate = float(after.shares[unseen].sum())
            # A mark this faint neither is a fault nor hides one: what is usual counts four times at most.
            if rate < self.min_rate / 4 or rate * after.num_present < MIN_ROWS or rate <= unseen_noise(before, after):
                return None
            new = after.only(unseen)
            found = _undone(before, new)
            if found is not None:
                return renamed(change, new, f"values are {found}", is_plain=True)
            if renaming(before, after) is not None:
                return None
        return None if change.has_few else by_shape(change)


def by_shape(change: Change) -> Sign | None:
    """Values of a form that no value had, in any slice."""
    after, known = change.after, change.everywhere.shape_counts
    if len(known) > MOST_SHAPES or after.shape_counts.keys() <= known.keys():
        return None
    new = after.only(np.fromiter((shape not in known for shape in after.shapes.tolist()), np.bool_, len(after.values)))
    once = sum(count == 1 for count in known.values()) / max(1, change.everywhere.num_present)
    if new.num_present < MIN_ROWS or new.num_present / after.num_present < 2 * once:
        return None
    usual, fresh = (max(sorted(one), key=one.__getitem__) for one in (change.before.shape_counts, new.shape_counts))
    words = f"values of the form {fresh} where {usual} was usual"
    if fresh in _DATES and usual in _DATES:
        words = f"dates are written {_DATES[fresh]}, where {_DATES[usual]} was usual"
    return renamed(change, new, words, is_plain=True)


_DATES = {
    "9999-99-99": "year-month-day",
    "9999/99/99": "year/month/day",
    "99/99/9999": "day/month/year or month/day/year",
    "9/9/9999": "day/month/year or month/day/year",
    "99.99.9999": "day.month.year",
    "99-99-9999": "day-month-year or month-day-year",
    "99-Aaa-9999": "day-Mon-year",
    "99999999": "year, month and day without signs between",
}


_DRESSES: dict[str, Callable[[str], str]] = {
    "between blanks": str.strip,
    "in other case": str.casefold,
    "written with other zeros in front": lambda text: text.strip().lstrip("0"),
    "written with other separators": lambda text: "".join(one for one in text if one.isalnum()).casefold(),
}


def _undone(before: Profile, new: Profile) -> str | None:
    """What was done to the values, where one simple change explains most of them."""
    for words, undress in _DRESSES.items():
        known = {undress(value) for value in before.values.tolist()} - {""}
        if _share(new, lambda value, known=known, undress=undress: undress(value) in known) >= MOST_UNDONE:  # type: ignore[misc]
            return words
    texts = before.values.tolist()
    some = new.values[np.argsort(-new.counts, kind="stable")[:200]].tolist()
    if len(some) >= 3:
        first, last = _shared(some), _shared([value[::-1] for value in some])
        for size in range(first, 0, -1):
            if _share(new, lambda value, size=size: value[size:] in before.known) >= MOST_UNDONE:  # type: ignore[misc]
                return f"{some[0][:size]!r} and what they were"
        for size in range(last, 0, -1):
            if _share(new, lambda value, size=size: value[:-size] in before.known) >= MOST_UNDONE:  # type: ignore[misc]
                return f"what they were and {some[0][len(some[0]) - size :]!r}"
    for length in range(1, 7):
        if _share(new, {value[length:] for value in texts if len(value) > length}.__contains__) >= MOST_UNDONE:
            return f"without their first {length}"
    longest = max(map(len, some))
    is_cut = 2 <= longest < max(map(len, texts))
    if is_cut and _share(new, {value[:longest] for value in texts}.__contains__) >= MOST_UNDONE:
        return f"cut to {longest} characters"
    return None


def _shared(texts: list[str]) -> int:
    """How many first characters all texts have in common."""
    low, high = min(texts), max(texts)
    return next((at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other), len(low))


def _share(new: Profile, test: Callable[[str], bool]) -> float:
    hit = np.fromiter((test(value) for value in new.values.tolist()), np.bool_, len(new.values))
    return float(new.shares[hit].sum())

"""The same things under other names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from headrace.validation._distances import unseen_noise
from headrace.validation._explanation import MIN_ROWS
from headrace.validation._profile import Profile
from headrace.validation._signature import Change, Sign, Signature, plain, shown

__all__ = ["Recoded"]

MIN_RATE = 0.1
MOST_SHAPES = 200
NEARLY_ALL = 0.97
NEARLY_ALL_MOVED = 0.9  # the few others happen to look like old ones
MOST = 0.5
MOST_UNDONE = 0.8


class Recoded(Signature):
    """Codes of another convention: values never seen, that are the old ones in another dress, of another shape, or
    share nothing with the old ones.

    | found by | example | asks for |
    |---|---|---|
    | undoing it | `" AA"`, `aa`, `US-AA`, `N1422` for `N14228` | 80 % of what is new becomes a value seen |
    | shape | `N14228` (`A99999`) where `99999` is | a shape never seen, in a tenth of rows |
    | another range | flight 1545 is now 11545 | integers beyond all seen |
    | nothing in common | new numbers altogether | in a slice 97 % of rows, in all rows half of them |
    """

    code = "recoded"
    rank = 4
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The rows with a value never seen; words say which of the four it is."""
        before, after = change.before, change.after
        if before.kind not in ("text", "integer") or not after.num_present or len(before.values) < 2:
            return None
        by_shape = None if change.has_few else _by_shape(change)
        if not (before.is_exact and after.is_exact):
            return by_shape
        unseen = after.unseen(before)
        rate = float(after.shares[unseen].sum())
        # A mark this faint neither is a fault nor hides one: what is usual counts four times at most.
        if rate < self.min_rate / 4 or rate * after.num_present < MIN_ROWS or rate <= unseen_noise(before, after):
            return None
        new = after.only(unseen)
        if before.kind == "text":
            found = _undone(before, new)
            if found is not None:
                return _sign(change, new, f"values are {found}", is_plain=True)
        if change.has_few:
            return None
        if before.kind == "integer":
            outside = (new.values < change.everywhere.values[0]) | (new.values > change.everywhere.values[-1])
            beyond = new.only(outside)
            shift = _shift(before, beyond) if len(beyond.values) >= 4 else None
            if shift is not None:
                words = f"numbers are {shown(abs(shift))} {'more' if shift > 0 else 'less'} than they were"
                return _sign(change, beyond, words, is_plain=True)
        if by_shape is not None:
            return by_shape
        if before.expected_unseen > 0.1 or rate < (MOST if change.is_all else NEARLY_ALL):
            return None
        return _sign(change, new, f"{100 * rate:.3g} % of values were never seen before", is_plain=False)


def _by_shape(change: Change) -> Sign | None:
    """Values of a form that no value had, in any slice."""
    after, known = change.after, change.everywhere.shape_counts
    if len(known) > MOST_SHAPES or after.shape_counts.keys() <= known.keys():
        return None
    new = after.only(np.fromiter((shape not in known for shape in after.shapes.tolist()), np.bool_, len(after.values)))
    once = sum(count == 1 for count in known.values()) / max(1, change.everywhere.num_present)
    if new.num_present < MIN_ROWS or new.num_present / after.num_present < 2 * once:
        return None
    usual, fresh = (max(sorted(one), key=one.__getitem__) for one in (change.before.shape_counts, new.shape_counts))
    return _sign(change, new, f"values of the form {fresh} where {usual} was usual", is_plain=True)


_DRESSES: dict[str, Callable[[str], str]] = {
    "between blanks": str.strip,
    "in other case": str.casefold,
    "written with other zeros in front": lambda text: text.strip().lstrip("0"),
    "written with other signs between": lambda text: "".join(one for one in text if one.isalnum()).casefold(),
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
        prefix, suffix = some[0][:first], some[0][len(some[0]) - last :]
        if first and _share(new, lambda value: value[first:] in before.known) >= MOST_UNDONE:
            return f"{prefix!r} and what they were"
        if last and _share(new, lambda value: value[:-last] in before.known) >= MOST_UNDONE:
            return f"what they were and {suffix!r}"
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


def _shift(before: Profile, beyond: Profile) -> int | None:
    """The constant that takes the old numbers to new ones beyond them, the roundest of those that fit; or None."""
    guess = int(beyond.quantile(0.5)) - int(before.quantile(0.5))
    sign, size = (1, guess) if guess > 0 else (-1, -guess)
    best: tuple[float, int] | None = None
    for power in range(len(str(size)), -1, -1):
        unit = 10**power
        for count in {size // unit, size // unit + 1}:
            shift = sign * count * unit
            if not shift:
                continue
            fits = float(beyond.shares[before.has(beyond.values - shift)].sum())
            if fits > 0.6 and (best is None or fits > best[0] + 0.05):
                best = fits, shift
    if best is None:
        return None
    off = max(float(beyond.shares[before.has(beyond.values - best[1] - wrong)].sum()) for wrong in (-7, 3, 13))
    inside = int(before.values[-1]) - int(before.values[0])
    return best[1] if best[0] > off + 0.15 or abs(best[1]) > inside else None


def _sign(change: Change, new: Profile, words: str, *, is_plain: bool) -> Sign:
    before, after = change.before, change.after
    was = before.values[int(np.argmax(before.counts))]
    now = new.values[int(np.argmax(new.counts))]
    is_part = new.num_present < NEARLY_ALL_MOVED * after.num_present
    return Sign(
        new.num_present / after.num_present,
        None,
        words,
        is_plain,
        detail=f"{shown(was)} was most frequent, now {shown(now)}",
        hint="another convention?",
        before=plain(was),
        after=plain(now),
        touches="listed" if is_part else "values",
        listed=new.values if is_part else None,
    )

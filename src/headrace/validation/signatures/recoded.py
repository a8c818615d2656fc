"""The same things under other names."""

from __future__ import annotations

from headrace.validation._distances import unseen_noise
from headrace.validation._explanation import MIN_ROWS
from headrace.validation._mapping import renaming
from headrace.validation._profile import Profile
from headrace.validation._signature import Change, Sign, Signature, renamed, shown
from headrace.validation.signatures.convention import by_shape

__all__ = ["Recoded"]

NEARLY_ALL = 0.97
MOST = 0.5


class Recoded(Signature):
    """Other codes: values never seen, that are the old ones moved to another range, or one to one under new names, or
    share nothing with the old ones. What is the old value in another dress is a `convention`.

    | found by | example | asks for |
    |---|---|---|
    | another range | flight 1545 is now 11545 | integers beyond all seen |
    | another form | six digits where four were usual | a number of digits never seen |
    | one to one | `AA` is now `C01` | as many new values as went, each as frequent as an old one |
    | nothing in common | new numbers altogether | in a slice 97 % of rows, in all rows half of them |
    """

    code = "recoded"
    rank = 4
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The rows with a value never seen; words say which of the three it is, and the mapping where it is known."""
        before, after = change.before, change.after
        if before.kind not in ("text", "integer") or not after.num_present or len(before.values) < 2:
            return None
        if change.has_few:
            return None
        if not (before.is_exact and after.is_exact):
            return by_shape(change) if before.kind == "integer" else None
        unseen = after.unseen(before)
        rate = float(after.shares[unseen].sum())
        # A mark this faint neither is a fault nor hides one: what is usual counts four times at most.
        if rate < self.min_rate / 4 or rate * after.num_present < MIN_ROWS or rate <= unseen_noise(before, after):
            return None
        new = after.only(unseen)
        if before.kind == "integer":
            outside = (new.values < change.everywhere.values[0]) | (new.values > change.everywhere.values[-1])
            beyond = new.only(outside)
            shift = _shift(before, beyond) if len(beyond.values) >= 4 else None
            if shift is not None:
                words = f"numbers are {shown(abs(shift))} {'more' if shift > 0 else 'less'} than they were"
                return renamed(change, beyond, words, is_plain=True)
            found = by_shape(change)
            if found is not None:
                return found
        one_to_one = renaming(before, after)
        if one_to_one is not None:
            told = f": {one_to_one.words}" if one_to_one.pairs else ""
            words = f"{one_to_one.num_values} values have new names, one to one{told}"
            return renamed(change, new, words, is_plain=rate >= MOST and one_to_one.num_values >= 3)
        if before.expected_unseen > 0.1 or rate < (MOST if change.is_all else NEARLY_ALL):
            return None
        return renamed(change, new, f"{100 * rate:.3g} % of values were never seen before", is_plain=False)


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

"""Cut off at an end."""

from __future__ import annotations

from headrace.validation._distances import gap, gap_noise, share_noise
from headrace.validation._signature import Change, Sign, Signature, percent, plain, shown

__all__ = ["Clipped"]

LUMP = 1.5  # times the most frequent value's share: one flight a day makes a lump too
TIMES_USUAL = 3.0
TOWERS = 3.0  # times any other value: then it is no season that brought fewer, or more, to that end
MIN_PILE = 20
MIN_BEYOND = 8  # rows: fewer may not come by chance
FEW_BEFORE, MANY_NOW = 0.05, 0.2  # of the rows: no season does that


class Clipped(Signature):
    """What lay beyond one value now lies on it: numbers limited to a range, or to what a type holds."""

    code = "clipped"
    rank = 1
    min_rate = 0.03

    def find(self, change: Change) -> Sign | None:
        """The largest or smallest value on which the rows beyond it piled up; `rate` is those rows."""
        before, after = change.before, change.after
        if not before.is_number or not after.is_exact or not len(after.values):
            return None
        found = change.likeliest
        if found is not None and found.code != self.code and found.is_throughout:
            return None  # all rows bear another fault
        if change.has_few or len(after.values) < 5:
            return _likeliest(change)
        for last in (-1, 0):
            end = after.values[last]
            beyond = before.values > end if last else before.values < end
            tail = float(before.shares[beyond].sum())
            was = float(before.shares[before.values == end].sum())
            now = float(after.shares[last])
            piled, expected = now - was, round(tail * before.num_present)
            if piled < self.min_rate or now < LUMP * float(before.shares.max()):
                continue
            noise = share_noise(expected, before.num_present, int(after.counts[last]), after.num_present)
            others = after.shares[:-1] if last else after.shares[1:]
            towers = now >= TOWERS * float(others.max()) and now >= TOWERS * float(before.shares.max())
            towers = towers and tail >= self.min_rate and int(after.counts[last]) >= MIN_PILE
            if int(beyond.sum()) < 3 or piled <= noise:
                continue
            if not towers and abs(piled - tail) > max(0.3 * tail, noise):
                continue
            if piled <= TIMES_USUAL * change.usual_rise(is_news=False):
                continue
            inside, inside_before = after.only(after.values != end), before.only(~beyond & (before.values != end))
            if not inside.num_present or not inside_before.num_present:
                continue
            if not towers and gap(inside_before, inside) > max(0.1, gap_noise(inside_before, inside)):
                continue
            return _sign(change, last, piled)
        return _likeliest(change)


def _likeliest(change: Change) -> Sign | None:
    """The end at which few rows are likeliest to be cut off (`headrace.validation._maps`)."""
    found = change.likeliest
    if found is None or found.code != Clipped.code:
        return None
    last = -1 if change.after.values[-1] == found.value else 0
    beyond = change.before.values > found.value if last else change.before.values < found.value
    rate = float(change.before.shares[beyond].sum())
    if not _is_unheard_of(change, last):
        return None
    return _sign(change, last, rate, found.gain.nats)


def _is_unheard_of(change: Change, last: int) -> bool:
    """Whether each earlier span had rows beyond that end, and none had nearly so many on it."""
    end, now = change.after.values[last], float(change.after.shares[last])
    for one in change.history:
        beyond = float(one.shares[one.values > end if last else one.values < end].sum())
        is_thin = not change.is_still and beyond * change.after.num_present < MIN_BEYOND
        if is_thin or now < TIMES_USUAL * float(one.shares[one.values == end].sum()):
            return False
    return True


def _sign(change: Change, last: int, rate: float, nats: float = 0.0) -> Sign:
    before, end, now = change.before, change.after.values[last], float(change.after.shares[last])
    was = float(before.shares[before.values == end].sum())
    return Sign(
        rate,
        plain(end),
        f"no value is {'more' if last else 'less'} than {shown(end)}, which {percent(now)} rows hold",
        is_plain=nats > 0 and was <= FEW_BEFORE and now >= MANY_NOW,
        detail=f"{100 * was:.2g} % before",
        hint="cut off?",
        before=plain(before.values[last]),
        after=plain(end),
        touches="listed",
        listed=change.after.values[[last]],
        nats=nats,
        is_throughout=True,  # nothing is beyond the end
    )

"""Yes is no."""

from __future__ import annotations

from headrace.validation._distances import share_noise
from headrace.validation._signature import Change, Sign, Signature, plain

__all__ = ["Flipped"]

MIN_PART = 0.35
TIMES_SPREAD = 3.0
RARELY = 1e-8  # shares between the two may have many causes: chance must not be one


class Flipped(Signature):
    """Two values have changed places: their shares are each other's."""

    code = "flipped"
    rank = 2
    min_rate = 0.2

    def find(self, change: Change) -> Sign | None:
        """Where two values are all there is; `rate` is the difference of their shares."""
        before, after = change.before, change.after
        if len(change.everywhere.values) != 2 or change.has_few or len(before.values) != 2 or len(after.values) != 2:
            return None
        if not (before.values == after.values).all():
            return None
        was, now = float(before.shares[1]), float(after.shares[1])
        noise = share_noise(int(before.counts[0]), before.num_present, int(after.counts[1]), after.num_present, 1e-3)
        if abs(now - was) <= noise:
            return None
        if abs(now - (1 - was)) > max(0.05, noise / 2, _spread(change)):
            return _in_part(change, was, now)
        first, second = (_word(value, before.kind) for value in before.values)
        return Sign(
            abs(now - was),
            None,
            f"{first} and {second} have changed places",
            is_plain=abs(was - 0.5) >= 0.25,
            detail=f"{second} in {100 * was:.3g} % -> {100 * now:.3g} %",
            hint="the other way round?",
            before=was,
            after=now,
        )


def _in_part(change: Change, was: float, now: float) -> Sign | None:
    """Where a good part of the rows is turned round, shares lie between: far from all that earlier spans show."""
    rate = (now - was) / (1 - 2 * was) if abs(was - 0.5) >= 0.1 else 0.0
    if len(change.history) < 3 or not MIN_PART <= rate <= 1.2 or abs(now - was) < TIMES_SPREAD * _spread(change):
        return None
    before, after = change.before, change.after
    counts = int(before.counts[1]), before.num_present, int(after.counts[1]), after.num_present
    if abs(now - was) <= share_noise(*counts, RARELY):
        return None
    second = _word(before.values[1], before.kind)
    return Sign(
        abs(now - was),
        rate,
        f"{second} in {100 * was:.3g} % -> {100 * now:.3g} % of rows, as if the two values had changed places in "
        f"{100 * min(1.0, rate):.2g} %",
        is_plain=False,
        hint="the other way round in a part of them?",
        before=was,
        after=now,
    )


def _spread(change: Change) -> float:
    """How far the share in one earlier span lies from that in all of them."""
    was = float(change.before.shares[1])
    second = change.before.values[1]
    shares = [float(one.shares[one.values == second].sum()) for one in change.history if one.num_present]
    return 1.2 * max((abs(share - was) for share in shares), default=0.0)


def _word(value: object, kind: str) -> str:
    return str(bool(value)).lower() if kind == "boolean" else repr(plain(value))

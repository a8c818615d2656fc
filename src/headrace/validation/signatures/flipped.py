"""Yes is no."""

from __future__ import annotations

from headrace.validation._distances import share_noise
from headrace.validation._profile import Profile
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
    among = _among_others(change, now)
    if among is not None:
        return among
    rate = (now - was) / (1 - 2 * was) if abs(was - 0.5) >= 0.1 else 0.0
    if len(change.history) < 3 or not MIN_PART <= rate <= 1.2 or abs(now - was) < TIMES_SPREAD * _spread(change):
        return None
    before, after = change.before, change.after
    counts = int(before.counts[1]), before.num_present, int(after.counts[1]), after.num_present
    if abs(now - was) <= share_noise(*counts, RARELY):
        return None
    return _partly(change, was, now, rate)


def _partly(change: Change, was: float, now: float, rate: float, *, is_measured: bool = False) -> Sign:
    second = _word(change.before.values[1], change.before.kind)
    return Sign(
        abs(now - was),
        rate,
        f"{second} in {100 * was:.3g} % -> {100 * now:.3g} % of rows, as if the two values had changed places in "
        f"{100 * min(1.0, rate):.0f} %",
        is_plain=False,
        hint="the other way round in a part of them?",
        before=was,
        after=now,
        is_measured=is_measured,
    )


def _among_others(change: Change, now: float) -> Sign | None:
    """A slice turned round while the rows around it are not: seasons move both, and slices keep their distance."""
    if change.others is None:
        return None
    rest_before, rest_after = change.others
    second = change.before.values[1]

    def share(one: Profile) -> float:
        return float(one.shares[one.values == second].sum())

    apart = [share(one) - share(rest) for one, rest in zip(change.history, rest_before, strict=True)]
    usual = sum(apart) / len(apart)
    would = min(1.0, max(0.0, share(rest_after) + usual))
    if abs(would - 0.5) < 0.1:
        return None
    rate = (now - would) / (1 - 2 * would)
    spread = max(abs(one - usual) for one in apart)
    before, after = change.before, change.after
    # As many rows as there were may tell how sure the share is that it would have.
    counts = round(would * before.num_present), before.num_present, int(after.counts[1]), after.num_present
    if not MIN_PART <= rate <= 1.2 or abs(now - would) < max(TIMES_SPREAD * spread, share_noise(*counts, RARELY)):
        return None
    return _partly(change, would, now, rate, is_measured=True)


def _spread(change: Change) -> float:
    """How far the share in one earlier span lies from that in all of them."""
    was = float(change.before.shares[1])
    second = change.before.values[1]
    shares = [float(one.shares[one.values == second].sum()) for one in change.history if one.num_present]
    return 1.2 * max((abs(share - was) for share in shares), default=0.0)


def _word(value: object, kind: str) -> str:
    return str(bool(value)).lower() if kind == "boolean" else repr(plain(value))

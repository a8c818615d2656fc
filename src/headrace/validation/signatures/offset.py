"""Moved by a constant."""

from __future__ import annotations

from headrace.validation._explanation import mixes
from headrace.validation._signature import Change, Sign, Signature, medians, plain, shown

__all__ = ["Offset"]

MIN_SHIFT = 0.3  # of a standard deviation
TIMES_USUAL = 4.0  # what earlier spans' distances between a slice and the others differ by
MIN_MOVED, MIN_FAR = 0.3, 0.8  # of a standard deviation: the mean, and those rows that moved
MIN_PART = 0.35
MANY, FAR = 5000, 2.0  # rows; standard deviations, of so many


class Offset(Signature):
    """Values are a constant more (or less) than they were, and spread as before: another zero, another time zone."""

    code = "offset"
    rank = 5
    min_rate = 0.5

    def find(self, change: Change) -> Sign | None:
        """The constant, where all rows moved by it, or those of a slice while the others did not."""
        if change.likeliest is not None and change.likeliest.is_beside:
            return _likeliest(change)
        return _by_steps(change) or _among_others(change) or _likeliest(change)


def _by_steps(change: Change) -> Sign | None:
    """Farther than from any span to the next."""
    before, after = change.latest, change.after
    if not before.is_number or change.has_few or len(before.values) < 8 or len(after.values) < 8 or not change.gap:
        return None
    shift = after.quantile(0.5) - before.quantile(0.5)
    scale = before.moments[1]
    if not scale > 0 or abs(shift) < MIN_SHIFT * scale or not change.is_leap:
        return None
    mix = mixes(before, after, before.mapped(before.values + shift))
    if mix is None or mix.rate < 0.85 or mix.explained < 0.95 or mix.rest > 0.2 * mix.gap:
        return None
    return Sign(
        1.0,
        plain(shift),
        f"values are {shown(abs(shift))} {'more' if shift > 0 else 'less'} than they were",
        is_plain=abs(shift) > 3 * scale,
        detail=medians(before, after),
        hint="another zero point?",
        before=plain(before.quantile(0.5)),
        after=plain(after.quantile(0.5)),
    )


def _among_others(change: Change) -> Sign | None:
    """A slice that moved while the rows around it did not: a season moves both, and slices keep their distance.

    With a part of the rows moved, the mean moves by rate x shift and the variance grows by rate (1 - rate) shift^2.
    """
    before, after = change.before, change.after
    if not before.is_number or change.others is None or len(before.values) < 8 or len(after.values) < 8:
        return None
    rest_before, rest_after = change.others
    pairs = [(one.moments, rest.moments) for one, rest in zip(change.history, rest_before, strict=True)]
    if any(not rest[1] > 0 or not one[1] > 0 for one, rest in pairs):
        return None
    apart = [one[0] - rest[0] for one, rest in pairs]
    wider = [one[1] / rest[1] for one, rest in pairs]
    usual, factor = sum(apart) / len(apart), sum(wider) / len(wider)
    (mean, spread), (rest_mean, rest_spread) = after.moments, rest_after.moments
    would, scale = rest_mean + usual, factor * rest_spread
    moved = mean - would
    if not scale > 0 or abs(moved) < max(TIMES_USUAL * max(abs(one - usual) for one in apart), MIN_MOVED * scale):
        return None
    shift = (max(0.0, spread**2 - scale**2) + moved**2) / moved
    rate = moved / shift
    if abs(shift) < MIN_FAR * scale or rate < MIN_PART:
        return None
    as_before = rest_after.mapped((rest_after.values - rest_mean) * factor + would)
    mix = mixes(as_before, after, as_before.mapped(as_before.values + shift))
    if mix is None or mix.rate < MIN_PART or mix.explained < 0.9 or mix.rest > 0.25 * mix.gap:
        return None
    part = f" in {100 * mix.rate:.2g} % of rows" if mix.rate < 0.9 else ""
    return Sign(
        max(mix.rate, Offset.min_rate),
        plain(shift),
        f"values are {shown(float(f'{abs(shift):.4g}'))} {'more' if shift > 0 else 'less'} than they were{part}",
        is_plain=False,
        detail=f"{medians(change.latest, after)}, while others kept theirs",
        hint="another zero point?",
        before=plain(change.latest.quantile(0.5)),
        after=plain(after.quantile(0.5)),
        size=abs(shift) / scale,
        is_measured=True,
    )


def _likeliest(change: Change) -> Sign | None:
    """The constant that few rows are likeliest under (`headrace.validation._maps`)."""
    found, before, after = change.likeliest, change.before, change.after
    if found is None or found.code != Offset.code:
        return None
    shift, rate = found.value, found.gain.rate
    few = before.num_present + after.num_present < MANY  # of many rows the distribution tells more (`_by_steps`)
    if abs(shift) < (MIN_FAR if few or found.is_beside else FAR) * before.moments[1]:
        return None
    part = f" in {100 * rate:.2g} % of rows" if rate < 0.9 else ""
    return Sign(
        rate,
        plain(shift),
        f"values are {shown(float(f'{abs(shift):.4g}'))} {'more' if shift > 0 else 'less'} than they were{part}",
        is_plain=abs(shift) > 3 * before.moments[1],
        detail=medians(before, after),
        hint="another zero point?",
        before=plain(before.quantile(0.5)),
        after=plain(after.quantile(0.5)),
        nats=found.gain.nats,
        is_throughout=found.is_throughout,
        size=abs(shift) / (before.moments[1] or 1.0),
        is_measured=found.is_beside,
    )

"""Another unit, or another scale."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from headrace.validation._distances import gap_noise, unseen_noise
from headrace.validation._explanation import MIN_ROWS, Mix, matches, mixes
from headrace.validation._profile import Values
from headrace.validation._signature import Change, Sign, Signature, medians, plain
from headrace.validation._units import known_factors

__all__ = ["Scale"]

MIN_GAP = 0.1
FAR = 3.0  # times: no season stretches so
MIN_FACTOR = 1.1  # nearer to 1 a change of scale is no other unit


class Scale(Signature):
    """Values are a constant times what they were: in all rows of the slice, or in a part of them.

    A factor that people know (`UNITS`), the turned sign and Celsius for Fahrenheit are tried by value and by
    distribution; then any factor, by the ratio of quantiles, where all rows have moved.
    """

    code = "scale"
    rank = 3
    min_rate = 0.1

    def find(self, change: Change) -> Sign | None:
        """The factor; `rate` is the part of rows that it fits."""
        before, after = change.before, change.after
        if not before.is_number or not change.latest.num_present or not after.num_present:
            return None
        if not (before.values != 0).any():
            return None
        unseen = before.is_exact and after.is_exact and after.share_unseen(before)
        can_match = unseen >= max(self.min_rate, unseen_noise(before, after))
        can_match = can_match and unseen * after.num_present >= MIN_ROWS
        can_mix = not change.has_few and change.gap >= MIN_GAP and change.is_leap
        best: tuple[float, Sign] | None = None
        for factor, shift, hint in known_factors() if can_match or can_mix else ():
            found = _fits(change, factor, shift, can_match, can_mix)
            if found is not None and (best is None or found[0] > best[0]):
                goodness, rate, listed = found
                best = goodness, _sign(change, factor, shift, hint, rate, listed)
        if best is not None:
            return best[1]
        return (_free(change) if can_mix else None) or _likeliest(change)


def resolution(values: Values) -> float:
    """The unit that values are written in: 1 for integers, 0.01 for two decimals, 0 for none that shows."""
    if values.dtype.kind == "i":
        return 1.0
    some = values[:: max(1, len(values) // 500)]
    for digits in range(7):
        scaled = some * 10.0**digits
        if np.all(np.abs(scaled - np.round(scaled)) <= 1e-6 * np.maximum(1.0, np.abs(scaled))):
            return float(10.0**-digits)
    return 0.0


def _fits(
    change: Change, factor: float, shift: float, can_match: bool, can_mix: bool
) -> tuple[float, float, Values | None] | None:
    """(goodness, rate, values touched) of one map, or None."""
    before, after = change.before, change.after
    tolerance = resolution(after.values) / abs(factor)

    def undo(off: float) -> Callable[[Values], Values]:
        return lambda values: (values - shift) / (factor * off)

    others = tuple(undo(off) for off in (0.955, 0.983, 1.019, 1.047))
    match = matches(before, after, undo(1.0), tolerance, others) if can_match and factor > 0 else None
    if match is not None and match.holds:
        return 1 + match.share - match.chance, match.rate, match.values
    if not can_mix or (match is not None and before.kind == "integer" and match.share < 0.75):
        return None  # whole numbers that are new must go back to whole numbers that are not
    latest = change.latest

    def mixed(off: float) -> Mix | None:
        return mixes(latest, after, latest.mapped(latest.values * (factor * off) + shift))

    mix = mixed(1.0)
    if mix is None or mix.rate < 0.15:
        return None
    if mix.explained < (0.9 if mix.rate > 0.8 else 0.97):
        return None
    if mix.rest > max((0.25 if mix.rate > 0.8 else 0.15) * mix.gap, gap_noise(latest, after)):
        return None
    # A warmer month is moved, not stretched: a constant more must not do as well.
    shift_alone = after.quantile(0.5) - latest.quantile(0.5)
    moved = mixes(latest, after, latest.mapped(latest.values + shift_alone))
    if mix.rate > 0.8 and moved is not None and moved.rate > 0.8 and moved.rest < 0.8 * mix.rest:
        return None
    # Weather, too, is now and then as if in another unit; but then a unit nearby would do as well.
    off = max(1.1, abs(factor) ** 0.25, abs(factor) ** -0.25)
    if any(other is not None and other.rest < 1.5 * mix.rest for other in (mixed(off), mixed(1 / off))):
        return None
    return mix.explained, mix.rate, None


def _free(change: Change) -> Sign | None:
    """Any factor, where the quantiles of all rows moved by one."""
    before, after = change.latest, change.after
    levels = (0.1, 0.25, 0.5, 0.75, 0.9)
    was = np.array([before.quantile(level) for level in levels], dtype=np.float64)
    now = np.array([after.quantile(level) for level in levels], dtype=np.float64)
    large = np.abs(was) > 0.05 * np.abs(was).max()
    if large.sum() < 3:
        return None
    factor = float(np.median(now[large] / was[large]))
    if not math.isfinite(factor) or factor <= 0 or abs(math.log(factor)) < math.log(MIN_FACTOR):
        return None
    if len(before.values) < 8 or len(after.values) < 8:
        return None
    mix = mixes(before, after, before.mapped(before.values * factor))
    if mix is None or mix.gap < 2 * MIN_GAP or mix.rate < 0.85 or mix.explained < 0.95 or mix.rest > 0.2 * mix.gap:
        return None
    return _sign(change, factor, 0.0, "", 1.0, None, is_plain=False)


def _likeliest(change: Change) -> Sign | None:
    """The factor that few rows are likeliest under (`headrace.validation._maps`)."""
    found = change.likeliest
    if found is None or found.code != Scale.code:
        return None
    hints = {factor: hint for factor, shift, hint in known_factors() if not shift}
    hint = hints.get(found.value, "")
    is_far = not 1 / FAR < found.value < FAR
    sign = _sign(change, found.value, 0.0, hint, found.gain.rate, None, is_plain=bool(hint) or is_far)
    return replace(sign, nats=found.gain.nats, is_throughout=found.is_throughout, is_measured=found.is_beside)


def _sign(
    change: Change,
    factor: float,
    shift: float,
    hint: str,
    rate: float,
    listed: Values | None,
    *,
    is_plain: bool = True,
) -> Sign:
    before, after = change.before, change.after
    words = f"values are {factor:.4g} times what they were"
    if shift:
        words += f", {'plus' if shift > 0 else 'minus'} {abs(shift):.4g}"
    if rate < 0.9:
        words += f" in {100 * rate:.2g} % of rows"
    was, now = plain(before.quantile(0.5)), plain(after.quantile(0.5))
    is_part = rate < 0.9 and listed is not None
    return Sign(
        rate,
        factor,
        words,
        is_plain and rate >= 0.3,
        detail=medians(before, after),
        hint=hint,
        before=was,
        after=now,
        touches="listed" if is_part else "values",
        listed=listed if is_part else None,
    )

"""What a comparison says in words: the interval that was judged, why it was not enough, and what would be."""

from __future__ import annotations

from headrace.rules._power import OFTEN, power
from headrace.rules._rule import Rule
from headrace.rules._sure import Comparison

__all__ = ["told_of", "told_of_power"]


def told_of(rule: Rule, comparison: Comparison, reason: str, *, ok: bool, num_judged: int, num_rows: int) -> str:
    """What was judged, in words: the interval, and why it was not enough."""
    between = f"{comparison.lower:.4g} to {comparison.upper:.4g}"
    if rule.reference == "number":
        reason += f"; 95 % interval {between}"
    elif comparison.chance is None:
        return f"{reason}; both predict the same"
    else:
        reason += f"; the difference is {between} at 95 %"
    if ok:
        return reason
    told = told_of_power(rule.reference, comparison, num_rows, num_judged)
    if not comparison.holds:
        return reason + (f"; {told}" if comparison.slack > 0.0 and told else "")
    among = f" among {num_judged} slices" if num_judged > 1 else ""
    told = told and f": {told}"
    return f'{reason}: not sure enough{among}; more rows, a wider margin, or "by value"{told}'


def told_of_power(reference: str, comparison: Comparison, num_rows: int, num_judged: int) -> str:
    """The same in words, for who was refused; "" where these rows would refuse such a model one time in twenty at most.

    Of a model that is equal to what it is held to, where the rule has a margin; else of one as good as this.
    """
    is_equal = comparison.slack > 0.0
    effect = comparison.slack if is_equal else comparison.margin
    if not (effect > 0.0 and comparison.std_error > 0.0):
        return ""
    found = power(effect, comparison.std_error, num_rows, freedom=comparison.freedom, num_judged=num_judged)
    if not found.refused > OFTEN:
        return ""
    what = f"one equal to the {reference}" if is_equal else "one truly as good"
    return f"on {num_rows:,} rows {what} is refused in {found.refused:.0%}, on about {found.rows_needed:,} in 5 %"

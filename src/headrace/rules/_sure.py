"""How sure a comparison is: the difference of a value and what is allowed, with what it may be off by.

A comparison passes where the bound of the interval does, not the value. Over several slices the levels are Holm's, so
that a verdict over many slices is no less sure than one over a single slice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headrace.rules._interval import CONFIDENCE, interval_of_mean, probability_above, z_of_mean, z_of_share
from headrace.rules._rule import Rule
from headrace.rules._value import Value

__all__ = ["LEVEL", "Comparison", "compare", "holm"]

# An interval of 95 % leaves 2.5 % beyond each end.
LEVEL = (1.0 - CONFIDENCE) / 2.0


@dataclass(frozen=True)
class Comparison:
    """A value against what is allowed.

    Parameters
    ----------
    holds : bool
        Whether the value itself is on the right side.
    chance : float or None
        How likely so good a value would be if it were only what is allowed; None where the two rest on the same
        predictions, and nothing is left to chance.
    lower, upper : float
        The 95 % interval of the value, or of its difference from the reference.
    margin : float
        By how much the value is better than what is allowed.
    slack : float
        The same of a value that is the reference's; 0 where that is a number.
    std_error : float
        Of what was judged.
    freedom : float
        How many rows that rests on, less one.
    """

    holds: bool
    chance: float | None
    lower: float
    upper: float
    margin: float = 0.0
    slack: float = 0.0
    std_error: float = 0.0
    freedom: float = math.inf


def compare(rule: Rule, value: Value, allowed: float, reference: Value | None, *, is_same_slice: bool) -> Comparison:
    """How a value with an interval stands to what is allowed.

    Parameters
    ----------
    rule : Rule
        Says which way, and how the reference was adjusted.
    value : Value
        With a standard error.
    allowed : float
        The reference, adjusted.
    reference : Value or None
        The champion's or baseline's value; None where the reference is a number.
    is_same_slice : bool
        Whether both are of the same rows, so that what they share cancels.
    """
    assert value.std_error is not None and value.lower is not None and value.upper is not None
    is_up = rule.op.startswith(">")
    margin = value.value - allowed if is_up else allowed - value.value
    holds = margin >= 0.0 if rule.op.endswith("=") else margin > 0.0
    if reference is None:
        if value.effective_rows is not None and value.limits is not None:
            freedom = math.inf if value.freedom is None else value.freedom
            z = z_of_share(value.value, allowed, value.effective_rows, value.limits, freedom)
        else:
            z = z_of_mean(value.value - allowed, value.std_error, _rows(value, value.freedom))
        found = Comparison(holds, probability_above(z if is_up else -z), value.lower, value.upper)
        return replace(found, margin=margin, std_error=value.std_error, freedom=_rows(value, value.freedom) - 1.0)
    factor = rule.amount if rule.adjustment == "*" else 1.0
    shared = value.with_champion if rule.reference == "champion" else value.with_baseline
    own, other = value.std_error**2, (factor * (reference.std_error or 0.0)) ** 2
    variance = own + other - 2.0 * factor * (shared or 0.0 if is_same_slice else 0.0)
    if rule.reference == "overall":  # the slice is part of all rows: the widest that sharing them could make it
        variance = (math.sqrt(own) + math.sqrt(other)) ** 2
    std_error = math.sqrt(variance) if variance > 1e-12 * (own + other) else 0.0
    difference = value.value - reference.value
    rows = _rows(value, value.champion_freedom if rule.reference == "champion" else value.baseline_freedom)
    if not is_same_slice:
        rows = min(rows, _rows(value, value.freedom), _rows(reference, reference.freedom))
    lower, upper = interval_of_mean(difference, std_error, rows)
    if std_error == 0.0:
        return Comparison(holds, None, lower, upper)
    slack = reference.value - allowed if is_up else allowed - reference.value
    chance = probability_above(z_of_mean(margin, std_error, rows))
    return Comparison(holds, chance, lower, upper, margin, slack, std_error, rows - 1.0)


def _rows(value: Value, freedom: float | None) -> float:
    return value.num_rows if freedom is None else freedom + 1.0


def holm(chances: Sequence[float]) -> list[float]:
    """Chances corrected for having looked at all of them: each is sure where it is at most the level, as if alone.

    >>> [round(one, 3) for one in holm([0.01, 0.04, 0.02])]
    [0.03, 0.04, 0.04]

    Source: Holm, "A simple sequentially rejective multiple test procedure" (1979).
    """
    corrected = [0.0] * len(chances)
    most = 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=lambda one: (chances[one], one))):
        most = max(most, min(1.0, (len(chances) - rank) * chances[place]))
        corrected[place] = most
    return corrected

"""Conditions: whether what a step measured keeps a rule, for `hr.when`; and which steps that leaves out.

A step that a condition leaves out is "skipped", and so is all that needs it. That is no failure: nobody wanted it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.orchestration.handles import Reference
    from headrace.orchestration.tracing import Node
    from headrace.rules import Measurements

__all__ = ["FIGURES", "Judged", "alternatives", "is_left_out", "judge_condition"]

# kind -> the figures that a condition may be about. An evaluation has its metrics, what a step returned its own.
FIGURES: dict[str, tuple[str, ...]] = {
    "dataset": ("rows", "spans"),
    "statistics": ("rows",),
    "validation": ("errors", "warnings"),
    "verdict": ("refused",),
}


@dataclass(frozen=True)
class Judged:
    """What a condition came to: whether it holds, and in a line what was measured."""

    holds: bool
    said: str


def judge_condition(figures: Any, condition: str) -> Judged:
    """Judge a condition by a rule's grammar; what cannot be judged does not hold.

    Raises UnknownName for a figure that is not there, InvalidInput for things that have none.

    >>> judge_condition({"rows": 1200}, "rows >= 1000")
    Judged(holds=True, said='rows >= 1000: 1200')
    >>> judge_condition(0.5, "value >= 0.85").holds
    False
    """
    from headrace.rules import judge_all, parse_rule

    rule = parse_rule(condition)
    measured = _measurements(figures)
    known = measured.values[()]
    if rule.metric not in known:
        raise UnknownName("figure", rule.metric, known, where=f"condition {condition!r}")
    findings = judge_all([rule], measured)
    holds = all(finding.ok for finding in findings) and any(finding.is_judged for finding in findings)
    worst = next((finding for finding in findings if not finding.ok), findings[0])
    if worst.measured is None or math.isnan(worst.measured):
        return Judged(holds, f"{condition}: {worst.reason or 'not judged'}")
    where = "" if worst.slice in ("", "overall") else f" ({worst.slice})"
    return Judged(holds, f"{condition}: {worst.measured:.6g}{where}")


def _measurements(figures: Any) -> Measurements:
    from headrace.rules import Measurements, Value

    kind = getattr(figures, "kind", None)
    if kind == "evaluation":
        found: Measurements = figures.measurements
        return found
    numbers: dict[str, float]
    num_rows = 0
    if kind == "dataset":
        num_rows = figures.num_rows
        numbers = {"rows": num_rows, "spans": len(figures.spans)}
    elif kind == "statistics":
        num_rows = figures.num_rows
        numbers = {"rows": num_rows}
    elif kind == "validation":
        warnings = sum(item.severity == "warning" for item in figures.items)
        numbers = {"errors": len(figures.errors), "warnings": warnings}
    elif kind == "verdict":
        numbers = {"refused": sum(not finding.ok for finding in figures.findings)}
    elif _is_number(figures):
        numbers = {"value": figures}
    elif isinstance(figures, Mapping) and any(map(_is_number, figures.values())):
        numbers = {str(name): value for name, value in figures.items() if _is_number(value)}
    else:
        raise InvalidInput(
            f"hr.when cannot judge {type(figures).__name__} {str(figures)[:40]!r}",
            expected="an evaluation, a data set, statistics, a validation, a verdict, a number or a dict of numbers",
        )
    return Measurements({(): {name: Value(float(number), num_rows) for name, number in numbers.items()}})


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def alternatives(node: Node) -> tuple[Reference, ...]:
    """The inputs of a step that may be skipped without it being skipped: it passes on one of several."""
    from headrace.orchestration.handles import Reference

    if node.call != "when":
        return ()
    given = (node.arguments["then"], node.arguments["otherwise"])
    return tuple(item for item in given if isinstance(item, Reference))


def is_left_out(call: str, state: str, outputs: Mapping[str, Any]) -> bool:
    """Whether what needs a step that ended so is skipped: it was skipped itself, or is a condition that did not hold.

    >>> is_left_out("when", "cached", {}), is_left_out("train", "skipped", {}), is_left_out("gate", "succeeded", {})
    (True, True, False)
    """
    return state == "skipped" or (call == "when" and state in ("succeeded", "cached") and "chosen" not in outputs)

"""judge: whether what was measured keeps a rule. Whatever is odd is not ok: no value, no slice, no rule."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.rules._rule import Rule, quote

__all__ = ["Finding", "Measurements", "Slice", "Value", "judge", "judge_all", "slice_text"]

# (column, value as text) pairs; None is null; no pairs = all rows.
Slice = tuple[tuple[str, str | None], ...]


def slice_text(pairs: Slice) -> str:
    """The name of a slice, as rules write it.

    >>> slice_text((("carrier", "AA"), ("origin", None))), slice_text(())
    ('carrier=AA,origin=null', 'overall')
    """
    return ",".join(f"{quote(column)}={quote(value)}" for column, value in pairs) or "overall"


@dataclass(frozen=True)
class Value:
    """One metric on one slice.

    Parameters
    ----------
    value : float
        NaN where it is not defined.
    num_rows : int
        Rows with a label.
    lower, upper : float or None
        The ends of its interval; None until intervals exist.
    reason : str
        Why it is NaN; "" where it is not.
    """

    value: float
    num_rows: int
    lower: float | None = None
    upper: float | None = None
    reason: str = ""


Values = Mapping[Slice, Mapping[str, Value]]


@dataclass(frozen=True)
class Measurements:
    """What an evaluation offers to rules: metrics by slice, of the model, the champion and the baseline.

    Parameters
    ----------
    values : mapping of slice to mapping of metric name to Value
        () is all rows.
    champion : the same, or None
        The served model on the same rows; None when there is none.
    baseline : the same
        The best constant prediction on the same rows.
    champion_reason : str
        Why there is no champion here though one is served: it does not take rows of this shape.
    """

    values: Values
    champion: Values | None = None
    baseline: Values = field(default_factory=dict)
    champion_reason: str = ""

    @property
    def without_champion(self) -> str:
        """What a rule says that has no champion to compare with."""
        return f"not compared with the champion: {self.champion_reason}" if self.champion_reason else _FIRST


@dataclass(frozen=True)
class Finding:
    """What one rule says of one slice.

    Parameters
    ----------
    rule : str
        The rule's text; "" where there is no rule.
    metric, slice : str
        Of what; "overall" is all rows.
    measured : float or None
        The metric's value there.
    bound : float or None
        The number, or the champion's or baseline's value.
    allowed : float or None
        The bound, adjusted as the rule says.
    rows : int
        Rows with a label.
    ok : bool
        Whether it stands in the way of trust.
    reason : str
        Why, in words.
    by_value : bool
        Whether the value itself was judged, not the bound of its interval.
    is_judged : bool
        False where a slice has too few rows, or there is no champion yet: `ok` then says nothing of the model.
    """

    rule: str
    metric: str
    slice: str
    measured: float | None
    bound: float | None
    allowed: float | None
    rows: int
    ok: bool
    reason: str
    by_value: bool = True
    is_judged: bool = True

    @property
    def message(self) -> str:
        """One line: where, what and why."""
        if not self.rule:
            return self.reason
        return f"{self.rule}: {self.slice}: {self.reason}"

    def to_plain(self) -> dict[str, Any]:
        """As plain data, every field by its name."""
        return dataclasses.asdict(self)


_FIRST = "first version: there is no champion to compare with"

_HOLDS: dict[str, Callable[[float, float], bool]] = {
    ">=": lambda measured, allowed: measured >= allowed,
    ">": lambda measured, allowed: measured > allowed,
    "<=": lambda measured, allowed: measured <= allowed,
    "<": lambda measured, allowed: measured < allowed,
}


def _adjust(rule: Rule, bound: float) -> float:
    return {"": bound, "+": bound + rule.amount, "-": bound - rule.amount, "*": bound * rule.amount}[rule.adjustment]


def judge(rule: Rule, measurements: Measurements) -> list[Finding]:
    """Judge one rule: one finding a slice it speaks of, or one that says why there is none.

    A slice with fewer rows than the rule asks for is reported and not judged, whatever its value; none left to judge is
    not ok. A value that is NaN, infinite or missing, on either side, is not ok. A champion rule without a champion, or
    with one that takes other rows, is "first version" and ok here: `judge_all` asks for an absolute rule beside it.
    Judged by value until intervals exist.

    `worst` compares the worst slice with the number, or with the champion's (baseline's) worst among the same slices.

    >>> values = {(): {"roc_auc": Value(0.9, 100)}}
    >>> [finding.ok for finding in judge(Rule("roc_auc", ">=", number=0.85), Measurements(values))]
    [True]
    """
    problem = _missing_metric(rule, measurements)
    slices = [] if problem else _find_slices(rule, measurements)
    problem = problem or (None if slices else _missing_slice(rule, measurements))
    if problem:
        return [_problem(rule, problem)]
    findings: list[Finding] = []
    judged: list[Slice] = []
    for pairs in slices:
        value = measurements.values[pairs].get(rule.metric)
        num_rows = value.num_rows if value else 0
        if num_rows < rule.min_rows:
            reason = f"{num_rows} rows, under {rule.min_rows}: reported, not judged"
            findings.append(_finding(rule, pairs, value, ok=True, reason=reason, is_judged=False))
        else:
            judged.append(pairs)
    if not judged:
        return [*findings, _problem(rule, f"nothing left to judge: no slice has {rule.min_rows} rows")]
    if rule.scope == "worst":
        return [*findings, _judge_worst(rule, judged, measurements)]
    return [*findings, *(_judge_one(rule, pairs, [pairs], measurements) for pairs in judged)]


def judge_all(rules: Sequence[Rule], measurements: Measurements) -> tuple[Finding, ...]:
    """Judge all rules together; trust needs every finding ok, and at least one.

    No rules at all is a finding that is not ok. "First version" stays ok only when a rule that needs no champion stands
    beside it.
    """
    if not rules:
        reason = "no rules: nothing was judged, so nothing can be trusted"
        return (Finding("", "", "overall", None, None, None, 0, ok=False, reason=reason, is_judged=False),)
    findings = [finding for rule in rules for finding in judge(rule, measurements)]
    if not any(rule.is_absolute for rule in rules):
        without = measurements.without_champion
        reason = f"{without}, and no rule that needs none stands beside it"
        findings = [
            dataclasses.replace(finding, ok=False, reason=reason) if finding.reason == without else finding
            for finding in findings
        ]
    return tuple(findings)


def _finding(
    rule: Rule,
    pairs: Slice,
    value: Value | None,
    *,
    ok: bool,
    reason: str,
    bound: float | None = None,
    allowed: float | None = None,
    is_judged: bool = True,
) -> Finding:
    measured, rows = (value.value, value.num_rows) if value else (None, 0)
    text = str(rule)
    return Finding(
        text, rule.metric, slice_text(pairs), measured, bound, allowed, rows, ok, reason, is_judged=is_judged
    )


def _problem(rule: Rule, reason: str) -> Finding:
    if rule.scope == "slice":
        where = slice_text(tuple(zip(rule.columns, rule.values, strict=True)))
    else:
        where = " ".join(["overall"] if rule.scope == "overall" else [rule.scope, ",".join(map(quote, rule.columns))])
    return Finding(str(rule), rule.metric, where, None, None, None, 0, ok=False, reason=reason, is_judged=False)


def _missing_metric(rule: Rule, measurements: Measurements) -> str | None:
    known = sorted({name for metrics in measurements.values.values() for name in metrics})
    if rule.metric in known:
        return None
    near = difflib.get_close_matches(rule.metric, known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"no metric named {rule.metric!r} was evaluated{hint} (there are: {', '.join(known) or 'none'})"


def _columns(pairs: Iterable[tuple[str, str | None]]) -> frozenset[str]:
    return frozenset(column for column, _ in pairs)


def _find_slices(rule: Rule, measurements: Measurements) -> list[Slice]:
    """Columns and pairs are compared as sets: `carrier,origin` is `origin,carrier`."""
    if rule.scope == "slice":
        asked = frozenset(zip(rule.columns, rule.values, strict=True))
        return [pairs for pairs in measurements.values if frozenset(pairs) == asked]
    return [pairs for pairs in measurements.values if _columns(pairs) == frozenset(rule.columns)]


def _missing_slice(rule: Rule, measurements: Measurements) -> str:
    if rule.scope == "overall":
        return "the evaluation has no overall values"
    if rule.scope == "slice":
        same = [pairs for pairs in measurements.values if _columns(pairs) == frozenset(rule.columns)]
        if same:
            known = [slice_text(pairs) for pairs in same]
            asked = slice_text(tuple(zip(rule.columns, rule.values, strict=True)))
            near = difflib.get_close_matches(asked, known, n=1)
            return f"no rows of {asked} were evaluated" + (f"; did you mean {near[0]}?" if near else "")
    by = ",".join(map(quote, rule.columns))
    asked_for = list(rule.columns) if len(rule.columns) == 1 else [list(rule.columns)]
    return f"the evaluation has no slices by {by}; evaluate with slices={asked_for!r}"


def _judge_one(rule: Rule, pairs: Slice, references: list[Slice], measurements: Measurements) -> Finding:
    """Judge the value on `pairs` against the reference; of several reference slices the worst counts."""
    value = measurements.values[pairs].get(rule.metric)
    if value is None or not math.isfinite(value.value):
        why = f": {value.reason}" if value and value.reason else ""
        shown = "missing" if value is None else str(value.value)
        return _finding(rule, pairs, value, ok=False, reason=f"{rule.metric} is {shown}{why}")
    bound = rule.number
    if rule.reference != "number":
        table = measurements.champion if rule.reference == "champion" else measurements.baseline
        if table is None:
            return _finding(rule, pairs, value, ok=True, reason=measurements.without_champion, is_judged=False)
        found = [table.get(item, {}).get(rule.metric) for item in references]
        if any(item is None or not math.isfinite(item.value) for item in found):
            reason = f"the {rule.reference} has no {rule.metric} there to compare with"
            return _finding(rule, pairs, value, ok=False, reason=reason)
        bound = _worst(rule)(item.value for item in found if item is not None)
    allowed = _adjust(rule, bound)
    ok = math.isfinite(allowed) and _HOLDS[rule.op](value.value, allowed)
    reason = f"{value.value:.6g} is {'' if ok else 'not '}{rule.op} {allowed:.6g}"
    return _finding(rule, pairs, value, ok=ok, reason=reason, bound=bound, allowed=allowed)


def _worst(rule: Rule) -> Callable[[Iterable[float]], float]:
    return min if rule.op.startswith(">") else max


def _judge_worst(rule: Rule, judged: list[Slice], measurements: Measurements) -> Finding:
    measured: list[float] = []
    for pairs in judged:
        value = measurements.values[pairs].get(rule.metric)
        if value is None or not math.isfinite(value.value):  # a slice without a value may be the worst of all
            return _judge_one(rule, pairs, judged, measurements)
        measured.append(value.value)
    return _judge_one(rule, judged[measured.index(_worst(rule)(measured))], judged, measurements)

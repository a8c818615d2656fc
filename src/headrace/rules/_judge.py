"""judge: whether what was measured keeps a rule. Whatever is odd is not ok: no value, no slice, no rule."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.rules._rule import AMONG_SLICES, Rule, quote
from headrace.rules._sure import LEVEL, Comparison, compare, holm
from headrace.rules._telling import told_of
from headrace.rules._value import Value

__all__ = ["Finding", "Measurements", "Slice", "judge", "judge_all", "slice_text"]

# (column, value as text) pairs; None is null; no pairs = all rows.
Slice = tuple[tuple[str, str | None], ...]


def slice_text(pairs: Slice) -> str:
    """The name of a slice, as rules write it.

    >>> slice_text((("carrier", "AA"), ("origin", None))), slice_text(())
    ('carrier=AA,origin=null', 'overall')
    """
    return ",".join(f"{quote(column)}={quote(value)}" for column, value in pairs) or "overall"


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
    has_intervals : bool, optional
        Whether values come with intervals: one without is then not sure. By default whether any has one; where they
        were looked for, that none has one (a single row, a single positive) means that none is sure.
    among : the same
        The slice that a rule holds the others to, where it does; rules find it themselves.
    """

    values: Values
    champion: Values | None = None
    baseline: Values = field(default_factory=dict)
    champion_reason: str = ""
    has_intervals: bool | None = None
    among: Values = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.has_intervals is None:
            told = any(value.std_error is not None for found in self.values.values() for value in found.values())
            object.__setattr__(self, "has_intervals", told)

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
    lower, upper : float or None
        The 95 % interval that was judged: of the value, or of its difference from the champion (baseline).
    is_judged : bool
        False where a slice has too few rows, or there is no champion yet: `ok` then says nothing of the model.
    is_limit : bool
        Whether it is of a limit on serving, not of a rule. What was measured then stands beside the verdict, outside
        its digest: times and sizes differ from one attempt to the next. `rows` is how many were asked.
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
    lower: float | None = None
    upper: float | None = None
    is_limit: bool = False

    @property
    def message(self) -> str:
        """One line: where, what and why."""
        if not self.rule:
            return self.reason
        if self.is_limit:
            return f"{self.rule}: {self.reason}" + ("" if self.measured is None else f" ({self.measured:.4g})")
        return f"{self.rule}: {self.slice}: {self.reason}"

    def to_plain(self) -> dict[str, Any]:
        """As plain data, every field by its name; of a limit without what was measured."""
        plain = dataclasses.asdict(self)
        if self.is_limit:
            plain["measured"] = None
        else:  # left out: findings of rules keep the form they had before there were limits
            del plain["is_limit"]
        return plain


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
    Judged on the bound of the value's interval, or of its difference from the champion on the same rows, over several
    slices at Holm's levels; on the value alone where the rule says "by value", or nothing has an interval.

    `worst` compares the worst slice with the number, or with the champion's (baseline's) worst among the same slices.
    `overall`, `highest` and `lowest` hold each slice to the model's own value on all rows, or on the slice of the same
    columns (with rows enough) that has the highest or lowest; that slice itself is held to it by value.

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
    if rule.reference in AMONG_SLICES:
        measurements = _among_slices(rule, measurements)
    if not judged:
        return [*findings, _problem(rule, f"nothing left to judge: no slice has {rule.min_rows} rows")]
    if rule.scope == "worst":
        return [*findings, _judge_worst(rule, judged, measurements)]
    compared = [_compare(rule, pairs, [pairs], measurements) for pairs in judged]
    return [*findings, *_findings(rule, compared)]


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


@dataclass(frozen=True)
class _Compared:
    """A slice on its way to a finding: either `odd` says what is wrong, or there is something to compare."""

    pairs: Slice
    value: Value | None
    odd: str = ""
    is_first: bool = False  # there is no champion: reported, not judged
    bound: float | None = None
    allowed: float = math.nan
    comparison: Comparison | None = None  # None = by value


def _compare(rule: Rule, pairs: Slice, references: list[Slice], measurements: Measurements) -> _Compared:
    """The value on `pairs` against the reference; of several reference slices the worst counts."""
    value = measurements.values[pairs].get(rule.metric)
    if value is None or not math.isfinite(value.value):
        why = f": {value.reason}" if value and value.reason else ""
        shown = "missing" if value is None else str(value.value)
        return _Compared(pairs, value, f"{rule.metric} is {shown}{why}")
    bound, reference, place = rule.number, None, pairs
    if rule.reference in AMONG_SLICES:
        for item, metrics in measurements.among.items():
            place, reference = item, metrics[rule.metric]
        if reference is None:
            return _Compared(pairs, value, f"there is no {rule.reference} {rule.metric} to compare with")
        bound = reference.value
    elif rule.reference != "number":
        table = measurements.champion if rule.reference == "champion" else measurements.baseline
        if table is None:
            return _Compared(pairs, value, measurements.without_champion, is_first=True)
        found = {item: table.get(item, {}).get(rule.metric) for item in references}
        known = {item: one for item, one in found.items() if one is not None and math.isfinite(one.value)}
        if len(known) < len(references):
            return _Compared(pairs, value, f"the {rule.reference} has no {rule.metric} there to compare with")
        bound = _worst(rule)(one.value for one in known.values())
        place = next(item for item, one in known.items() if one.value == bound)
        reference = known[place]
    allowed = _adjust(rule, bound)
    is_itself = rule.reference in AMONG_SLICES and place == pairs
    if rule.by_value or is_itself or not measurements.has_intervals or not math.isfinite(allowed):
        return _Compared(pairs, value, bound=bound, allowed=allowed)
    if value.std_error is None:
        reason = f"{rule.metric} is {value.value:.6g}, and {value.num_rows} rows cannot say how sure that is"
        return _Compared(pairs, value, reason + ': "with N rows" leaves such a slice out, "by value" judges it so')
    comparison = compare(rule, value, allowed, reference, is_same_slice=place == pairs)
    return _Compared(pairs, value, bound=bound, allowed=allowed, comparison=comparison)


def _findings(rule: Rule, compared: Sequence[_Compared]) -> list[Finding]:
    """One finding each; chances are corrected for how many there are."""
    told = [one for one in compared if one.comparison is not None and one.comparison.chance is not None]
    chances = [one.comparison.chance for one in told if one.comparison and one.comparison.chance is not None]
    corrected = {one.pairs: chance for one, chance in zip(told, holm(chances), strict=True)}
    findings = []
    for one in compared:
        if one.odd:
            findings.append(
                _finding(rule, one.pairs, one.value, ok=one.is_first, reason=one.odd, is_judged=not one.is_first)
            )
            continue
        assert one.value is not None
        holds = math.isfinite(one.allowed) and _HOLDS[rule.op](one.value.value, one.allowed)
        ok = holds if one.comparison is None else holds and corrected.get(one.pairs, 0.0) <= LEVEL
        reason = f"{one.value.value:.6g} is {'' if holds else 'not '}{rule.op} {one.allowed:.6g}"
        finding = _finding(rule, one.pairs, one.value, ok=ok, reason=reason, bound=one.bound, allowed=one.allowed)
        if one.comparison is not None:
            reason = told_of(rule, one.comparison, reason, ok=ok, num_judged=len(told), num_rows=one.value.num_rows)
            lower, upper = one.comparison.lower, one.comparison.upper
            finding = dataclasses.replace(finding, reason=reason, by_value=False, lower=lower, upper=upper)
        findings.append(finding)
    return findings


def _among_slices(rule: Rule, measurements: Measurements) -> Measurements:
    """The one slice that the others are held to, as `among`; empty where none has a value."""
    wanted = frozenset(rule.columns)
    candidates: list[Slice] = [()]
    if rule.reference != "overall":
        candidates = [pairs for pairs in measurements.values if pairs and _columns(pairs) == wanted]
    known: list[tuple[float, Slice, Value]] = []
    for pairs in candidates:
        value = measurements.values.get(pairs, {}).get(rule.metric)
        if value is not None and math.isfinite(value.value) and (not pairs or value.num_rows >= rule.min_rows):
            known.append((value.value, pairs, value))
    if not known:
        return dataclasses.replace(measurements, among={})
    pick = min if rule.reference == "lowest" else max
    _, place, found = pick(known, key=lambda one: one[0])
    return dataclasses.replace(measurements, among={place: {rule.metric: found}})


def _worst(rule: Rule) -> Callable[[Iterable[float]], float]:
    return min if rule.op.startswith(">") else max


def _judge_worst(rule: Rule, judged: list[Slice], measurements: Measurements) -> Finding:
    measured: list[float] = []
    for pairs in judged:
        value = measurements.values[pairs].get(rule.metric)
        if value is None or not math.isfinite(value.value):  # a slice without a value may be the worst of all
            return _judged_alone(rule, pairs, judged, measurements)
        measured.append(value.value)
    return _judged_alone(rule, judged[measured.index(_worst(rule)(measured))], judged, measurements)


def _judged_alone(rule: Rule, pairs: Slice, references: list[Slice], measurements: Measurements) -> Finding:
    return _findings(rule, [_compare(rule, pairs, references, measurements)])[0]

"""Headlines: what an evaluation measured and what a gate judged, a line each, out of a step's plain result.

A person who has just run a pipeline asks how good the model is, whether it is better than what serves, and how near
the gate was. The figures travel in the step's result, so that a run tells them without loading what it made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headrace.errors import HeadraceError

if TYPE_CHECKING:
    from headrace.evaluation import Evaluation
    from headrace.rules import Finding, Verdict

__all__ = [
    "better",
    "evaluation_result",
    "figures_of",
    "headlines",
    "limits_result",
    "margin",
    "rules_result",
    "summary_of",
]

_MOST = 6
_MOST_KEPT = 100  # rules that a result holds; a page shows all of them
_IN_SUMMARY = 3


def evaluation_result(evaluation: Evaluation) -> dict[str, Any]:
    """What an evaluation's step says of it: its summary, the champion's metrics beside it, and which way is up."""
    champion = None
    if evaluation.champion is not None:
        champion = {name: value.value for name, value in evaluation.champion.cells[0].values.items()}
    up = {str(metric["name"]): metric.get("higher_is_better") for metric in evaluation.metrics}
    intervals = {
        name: [value.lower, value.upper]
        for name, value in evaluation.cells[0].values.items()
        if value.lower is not None and value.upper is not None
    }
    return {**evaluation.summary, "intervals": intervals, "champion": champion, "higher_is_better": up}


def rules_result(verdict: Verdict) -> list[dict[str, Any]]:
    """Each value that a gate judged, as plain data: what is not ok first, then what is nearest to its limit."""

    def nearness(finding: Finding) -> tuple[bool, float]:
        apart = margin(finding)
        return finding.ok, math.inf if apart is None else apart

    return [
        {
            "rule": finding.rule,
            "slice": finding.slice,
            "ok": finding.ok,
            "is_judged": finding.is_judged,
            "measured": finding.measured,
            "allowed": finding.allowed,
            "margin": margin(finding),
            "rows": finding.rows,
            "lower": finding.lower,
            "upper": finding.upper,
            "reason": finding.reason,
        }
        for finding in sorted(_of_rules(verdict), key=nearness)[:_MOST_KEPT]
    ]


def _of_rules(verdict: Verdict) -> list[Finding]:
    return [finding for finding in verdict.findings if not finding.is_limit]


def limits_result(verdict: Verdict) -> list[dict[str, Any]]:
    """What a gate found of limits on serving, as plain data, what is not ok first; [] where none were given."""
    return [
        {
            "limit": finding.rule,
            "metric": finding.metric,
            "ok": finding.ok,
            "is_judged": finding.is_judged,
            "measured": finding.measured,
            "allowed": finding.allowed,
            "reason": finding.reason,
        }
        for finding in sorted(verdict.findings, key=lambda finding: finding.ok)
        if finding.is_limit
    ]


def margin(finding: Finding) -> float | None:
    """How far a value is on the right side of its limit; negative on the wrong one, None where nothing was compared."""
    from headrace.rules import parse_rule

    if finding.measured is None or finding.allowed is None or not math.isfinite(finding.measured - finding.allowed):
        return None
    try:
        up = parse_rule(finding.rule).op.startswith(">")
    except HeadraceError:  # a verdict of a later grammar
        return None
    return finding.measured - finding.allowed if up else finding.allowed - finding.measured


def figures_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a step's result that its headlines are made of; {} of a step that measured nothing."""
    names = ("metrics", "intervals", "champion", "higher_is_better", "rules", "limits", "tuned")
    return {name: result[name] for name in names if name in result}


def headlines(step: str, result: Mapping[str, Any]) -> list[str]:
    """What a step's result says in figures, a line each; [] of a step that measured nothing.

    >>> headlines("evaluate", {"metrics": {"roc_auc": 0.97}, "champion": {"roc_auc": 0.96},
    ...                        "higher_is_better": {"roc_auc": True}})
    ['roc_auc  0.97   champion 0.96, better']
    """
    lines = [*_metrics(result), *_limits(result), *_rules(result), *_tuned(result)]
    more = len(lines) - _MOST
    return [*lines[:_MOST], f"and {more} more: headrace show {step}"] if more > 0 else lines


def summary_of(result: Mapping[str, Any]) -> str:
    """The same in a few words, for a table's cell; "" of a step that measured nothing."""
    told = []
    for metric, value in list(result.get("metrics", {}).items())[:_IN_SUMMARY]:
        word = better(metric, result)
        told.append(
            f"{metric} {_figure(value)}"
            + (f" (champion {_figure(result['champion'][metric])}, {word})" if word else "")
        )
    if told:
        return ", ".join(told)
    told += _tuned(result)
    if told:
        return told[0]
    rules = result.get("rules", ())
    if not rules:
        return ""
    kept = sum(bool(rule["ok"]) for rule in rules)
    limits = result.get("limits", ())
    within = sum(bool(limit["ok"]) for limit in limits)
    beside = f", {within} of {len(limits)} limits" if limits else ""
    return f"{kept} of {len(rules)} rule{'s' if len(rules) != 1 else ''}{beside} kept"


def better(metric: str, result: Mapping[str, Any]) -> str:
    """How the model's value is beside the champion's, "better", "worse" or "the same"; "" where that cannot be said."""
    now, then = result["metrics"].get(metric), (result.get("champion") or {}).get(metric)
    up = result.get("higher_is_better", {}).get(metric)
    if up is None or now is None or then is None or not math.isfinite(now - then):
        return ""
    if now == then:
        return "the same"
    return "better" if (now > then) == up else "worse"


def _metrics(result: Mapping[str, Any]) -> Iterator[str]:
    metrics: Mapping[str, float] = result.get("metrics", {})
    champion: Mapping[str, float] = result.get("champion") or {}
    width = max(map(len, metrics), default=0)
    intervals: Mapping[str, Sequence[float]] = result.get("intervals") or {}
    texts = {
        name: _figure(value) + (" ({} to {})".format(*map(_figure, intervals[name])) if name in intervals else "")
        for name, value in metrics.items()
    }
    wide = max(map(len, texts.values()), default=0)
    for metric, text in texts.items():
        beside = ""
        if metric in champion:
            word = better(metric, result)
            beside = f"   champion {_figure(champion[metric])}" + (f", {word}" if word else "")
        yield f"{metric:{width}}  {text:{wide}}{beside}".rstrip()


def _rules(result: Mapping[str, Any]) -> Iterator[str]:
    rules: Sequence[Mapping[str, Any]] = result.get("rules", ())
    for rule in rules:
        where = "" if rule["slice"] in ("", "overall") or rule["slice"] in rule["rule"] else f" ({rule['slice']})"
        said = rule["reason"]
        is_unsure = not rule["ok"] and (rule["margin"] or 0.0) >= 0.0  # the value would do, its bound does not
        if rule["is_judged"] and rule["margin"] is not None and not is_unsure:
            said = f"{_figure(rule['measured'])}, margin {rule['margin']:+.3g}"
        word = "not judged" if rule["ok"] and not rule["is_judged"] else "yes" if rule["ok"] else "no"
        yield f"{word}: {rule['rule'] or 'no rules'}{where}: {said}"


def _limits(result: Mapping[str, Any]) -> Iterator[str]:
    """What is over a limit, a line each; where nothing is, one line with what was measured."""
    limits: Sequence[Mapping[str, Any]] = result.get("limits", ())
    wrong = [limit for limit in limits if not limit["ok"]]
    for limit in wrong:
        measured = "" if limit["measured"] is None else f"{_figure(limit['measured'])}, "
        yield f"no: {limit['limit']}: {measured}{limit['reason']}"
    if limits and not wrong:
        told = [f"{one['metric']} {_figure(one['measured'])}" for one in limits if one["measured"] is not None]
        yield f"yes: safe to serve: {', '.join(told)}"


def _tuned(result: Mapping[str, Any]) -> Iterator[str]:
    """What a search found: its best value beside that of the trainer as it was given."""
    found = result.get("tuned")
    if not found:
        return
    lost = [f"{found[f'num_{word}']} {word}" for word in ("stopped", "failed") if found[f"num_{word}"]]
    trials = f"{found['num_trials']} trials" + (f", {' and '.join(lost)}" if lost else "")
    first = found["first_value"]
    before = "it failed" if first is None else _figure(first)
    yield f"{found['metric']} {_figure(found['best_value'])} best of {trials} (as given {before})"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"

"""The page of a verdict: yes or no, then each rule with how near it was."""

from __future__ import annotations

import math
from collections.abc import Sequence

from headrace.errors import HeadraceError
from headrace.orchestration.headlines import margin
from headrace.report import (
    Cell,
    Column,
    Content,
    Context,
    Dot,
    Html,
    Page,
    Report,
    Row,
    Section,
    dot,
    legend,
    meter,
    name,
    table,
    tag,
)
from headrace.report.figures import NOTHING, aligned, count, figure, plural
from headrace.rules import Finding, parse_rule
from headrace.rules import Verdict as Noun

__all__ = ["Verdict"]

_MOST_SLICES = 400
_HOW = (
    "Loaded by the server's own code in a process apart, asked as clients ask, and measured. The figures are of this "
    "attempt: they lie beside the verdict, whose digest holds what was decided."
)


class Verdict(Page):
    """Every rule: what was measured, what is allowed, and the margin between them, slice by slice."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        failed = [finding for finding in noun.findings if not finding.ok]
        judged = [finding for finding in noun.findings if finding.is_judged]
        by_rule: dict[str, list[Finding]] = {rule: [] for rule in noun.rules}
        limits = [finding for finding in noun.findings if finding.is_limit]
        for finding in noun.findings:
            if not finding.is_limit:
                by_rule.setdefault(finding.rule, []).append(finding)
        # What stands in the way comes first.
        ordered = sorted(by_rule.items(), key=lambda item: all(finding.ok for finding in item[1]))
        marks = [("dot accent-fill", "measured"), ("dot bad-fill", "measured, and not allowed")]
        body: list[Content] = [legend([*marks, ("is-bad-line dashed", "the limit")])]
        body += [_rule(rule, findings) for rule, findings in ordered]
        sections = [Section("Rules", body, "Within a rule, the slice nearest to its limit first.", is_brief=True)]
        if limits:
            safe = Section("Safe to serve", _limits(noun, limits), _HOW, is_brief=True)
            sections.insert(0 if any(not finding.ok for finding in limits) else 1, safe)
        if not context.is_brief:
            sections.append(Section("Judged", _judged(noun, context)))
        return Report(
            "verdict",
            context.name_of(noun),
            _headline(noun, failed),
            tone="good" if noun.ok else "bad",
            word="yes" if noun.ok else "no",
            lead=_lead(noun, failed),
            facts={
                "Rules": count(len(noun.rules)),
                **({"Limits": count(len(limits))} if limits else {}),
                "Judged": [count(len(judged)), tag("small", "values")],
                "Not ok": count(len(failed)),
                "Not judged": count(len(noun.findings) - len(judged)),
            },
            sections=tuple(sections),
        )


def _headline(noun: Noun, failed: Sequence[Finding]) -> str:
    if noun.ok:
        rules = {1: "the rule holds", 2: "both rules hold"}.get(len(noun.rules), f"all {len(noun.rules)} rules hold")
        if any(finding.is_limit for finding in noun.findings):
            rules += ", and it is safe to serve"
        return f"The model may be pushed: {rules}" if noun.model_digest else f"Accepted: {rules}"
    what = "The model may not be pushed" if noun.model_digest else "Refused"
    if len(failed) == 1:
        first = failed[0]
        if first.is_limit and first.measured is None:
            return f"{what}: it is not safe to serve"
        return f"{what}: {first.metric or 'nothing was judged'}{_where(first)} {_why(first)}".strip()
    num_limits = sum(finding.is_limit for finding in failed)
    rest = len(failed) - num_limits
    if not rest:
        return f"{what}: it is not safe to serve"
    said = f"{what}: {plural(rest, 'value')} do{'es' if rest == 1 else ''} not keep the rules"
    return f"{said}, and it is not safe to serve" if num_limits else said


def _where(finding: Finding) -> str:
    return "" if finding.slice in ("", "overall") else f" on {finding.slice}"


def _why(finding: Finding) -> str:
    if finding.measured is None or finding.allowed is None:
        return ""
    ends = _interval(finding)
    if ends is not None and (margin(finding) or 0.0) > 0.0:
        shown = f"{figure(ends[0])} to {figure(ends[1])} at 95 %"
        return f"is {figure(finding.measured)} ({shown}), not surely beyond the limit {figure(finding.allowed)}"
    return f"is {figure(finding.measured)}, the limit {figure(finding.allowed)}"


def _interval(finding: Finding) -> tuple[float, float] | None:
    """The ends of what was judged, as values: those of a difference are put beside what it is a difference from."""
    if finding.lower is None or finding.upper is None:
        return None
    try:
        is_difference = parse_rule(finding.rule).reference != "number"
    except HeadraceError:  # a verdict of a later grammar
        return None
    beside = (finding.bound or 0.0) if is_difference else 0.0
    return beside + finding.lower, beside + finding.upper


def _lead(noun: Noun, failed: Sequence[Finding]) -> Content:
    if failed:
        return failed[0].reason[:300]
    rules = [finding for finding in noun.findings if not finding.is_limit]
    nearest = [item for finding in rules if (item := (margin(finding), finding))[0] is not None]
    if not nearest:
        return None
    least, finding = min(nearest, key=lambda item: item[0] or 0.0)
    return [
        "Nearest to its limit: ",
        finding.metric,
        name(_where(finding)) if _where(finding) else "",
        f", by {figure(least, 3)}.",
    ]


def _rule(rule: str, findings: Sequence[Finding]) -> Html:
    ok = all(finding.ok for finding in findings)
    word = tag("span", "holds" if ok else "does not hold", class_=f"tone {'good' if ok else 'bad'}")
    head = tag("p", tag("code", rule or "no rules"), " ", word)
    values = [value for finding in findings for value in (finding.measured, finding.allowed, finding.bound)]
    values += [end for finding in findings for end in _interval(finding) or ()]
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    pad = 0.08 * (high - low) or abs(low) * 0.02 or 0.5
    columns = [Column("Slice"), Column("Rows", "num"), Column("", "chart"), Column("Measured", "num")]
    has_interval = any(finding.lower is not None for finding in findings)
    if has_interval:
        columns.append(Column("95 % interval", "num", "Judged is its end, not the value"))
    columns += [Column("Limit", "num"), Column("Margin", "num", "How far it is on the right side"), Column("Says")]
    rows: list[Row] = []
    muted: list[bool] = []
    ordered = sorted(findings, key=lambda item: (item.ok, not item.is_judged, _key(margin(item)), item.slice))
    measured = iter(aligned([finding.measured for finding in ordered]))
    allowed = iter(aligned([finding.allowed for finding in ordered]))
    apart_texts = aligned([margin(finding) for finding in ordered], 3)
    for finding, apart_text in zip(ordered, apart_texts, strict=True):
        apart = margin(finding)
        ends = _interval(finding)
        lower, upper = ends or (None, None)
        mark = Dot(finding.measured, lower, upper, limit=finding.allowed, is_bad=not finding.ok)
        title = f"{finding.slice}: {figure(finding.measured)}, limit {figure(finding.allowed)}"
        rows.append(
            [
                name(finding.slice or NOTHING),
                Cell(count(finding.rows), finding.rows),
                dot(title, mark, (low - pad, high + pad)) if finding.measured is not None and known else "",
                Cell(next(measured), finding.measured),
                *([NOTHING if ends is None else f"{figure(ends[0])} to {figure(ends[1])}"] if has_interval else []),
                Cell(next(allowed), finding.allowed),
                Cell(("+" if apart is not None and apart > 0 else "") + apart_text, apart),
                _says(finding),
            ]
        )
        muted.append(not finding.is_judged and finding.ok)
    caption = f"{plural(len(findings), 'value')} under this rule"
    listed = table(caption, columns, rows, muted=muted, most_rows=_MOST_SLICES)
    return tag("article", head, listed, class_="finding" if ok else "finding is-bad")


def _limits(noun: Noun, findings: Sequence[Finding]) -> Html:
    """What was measured beside what is allowed: the bar is the share of the limit that is used."""
    columns = [Column("Limit"), Column("", "chart"), Column("Measured", "num"), Column("Allowed", "num")]
    columns += [Column("Asked", "num", "Requests, rows or loads that this is about"), Column("Says")]
    rows: list[Row] = []
    muted: list[bool] = []
    for finding in sorted(findings, key=lambda item: item.ok):
        known = finding.measured is not None and math.isfinite(finding.measured)
        rows.append(
            [
                tag("code", finding.rule),
                _share(finding) if known and finding.allowed else "",
                Cell(figure(finding.measured) if known else "", finding.measured),
                Cell("" if finding.allowed is None else figure(finding.allowed), finding.allowed),
                Cell(count(finding.rows) if finding.rows else "", finding.rows or None),
                _of_limit(finding),
            ]
        )
        muted.append(not finding.is_judged and finding.ok)
    listed = table(f"{plural(len(findings), 'limit')} on serving it", columns, rows, muted=muted)
    return tag("div", listed, _took(noun))


def _share(finding: Finding) -> Html:
    assert finding.measured is not None and finding.allowed
    used = finding.measured / finding.allowed
    if finding.rule.split()[1] == ">=":
        used = 1.0 / used if used > 0 else math.inf
    title = f"{finding.metric}: {figure(finding.measured)}, limit {figure(finding.allowed)}"
    return meter(title, min(max(used, 0.0), 1.0), shape="accent-fill" if finding.ok else "bad-fill")


def _of_limit(finding: Finding) -> Content:
    if finding.ok and finding.is_judged:
        return "ok"
    return finding.reason if finding.ok else [tag("b", "not ok"), f": {finding.reason}"]


def _took(noun: Noun) -> Html:
    """Processor time of an answer, the champion's beside it."""
    known = noun.measured
    if not {"latency_us", "champion_us", "batch_us", "champion_batch_us"} <= set(known):
        return tag("p", "")
    one, its = figure(known["latency_us"], 3), figure(known["champion_us"], 3)
    many, its_many = figure(known["batch_us"], 3), figure(known["champion_batch_us"], 3)
    text = (
        f"One row took {one} us of processor time, the champion's {its}; 256 rows {many} us, the champion's {its_many}."
    )
    return tag("p", text)


def _key(value: float | None) -> float:
    return math.inf if value is None else value


def _says(finding: Finding) -> Content:
    if finding.ok and finding.is_judged:
        return "ok"
    if not finding.ok:
        why = "" if finding.is_judged else f": {finding.reason}"
        return [tag("b", "not ok"), ": not sure enough" if (margin(finding) or 0.0) > 0.0 else why]
    return finding.reason


def _judged(noun: Noun, context: Context) -> Html:
    rows: list[Row] = [
        ["Model", context.artifact(noun.model_digest)],
        ["Evaluation", context.artifact(noun.evaluation_digest)],
    ]
    return table("What was judged", [Column("What"), Column("Artifact")], rows)

"""The page of a run: how it ended and why, the steps as a graph and over time, and what each made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from headrace.orchestration.headlines import better, summary_of
from headrace.orchestration.run_record import RunRecord, StepRecord
from headrace.report import (
    Box,
    Cell,
    Column,
    Content,
    Context,
    Html,
    Page,
    Report,
    Row,
    Section,
    Tone,
    diagram,
    legend,
    name,
    table,
    tag,
    timeline,
)
from headrace.report.figures import count, duration, figure, moment, plural

__all__ = ["Run"]

_TONES: dict[str, Tone] = {
    "succeeded": "good",
    "rejected": "warn",
    "failed": "bad",
    "cancelled": "warn",
    "waiting": "warn",
}
_SHAPES = {
    "succeeded": "box-good",
    "no": "box-bad",
    "failed": "box-bad",
    "lost": "box-bad",
    "blocked": "box-warn",
    "waiting": "box-warn",
}
_BARS = {"no": "bad-fill", "failed": "bad-fill", "lost": "bad-fill"}
_HOW = (
    "Each step after what it needs. Green ran; dashed came from the store; red said no or failed; ochre was blocked, "
    "or waits for a person. "
    "Bars show when each ran, from the beginning of the run."
)
_SAID = {"yes": "good", "no": "bad", "not judged": "plain"}
_MOST_SAID = 3
_MOST_RULES = 20
_MOST_SPANS = 4  # of one ingest that the graph draws one by one


class Run(Page):
    """Steps by state, with what said no, durations, rows read and reused, and links to what was made."""

    def report(self, noun: RunRecord, context: Context) -> Report:
        """The page; unlike others it is of a record, which says more when more has happened."""
        sections = []
        if noun.ending:
            sections.append(Section("How it ended", tag("pre", "\n".join(noun.ending)), is_brief=True))
        measured = [step for step in noun.steps if step.figures.get("metrics")]
        judged = [step for step in noun.steps if step.figures.get("rules")]
        if measured:
            body: list[Content] = [_metrics(step, context) for step in measured]
            body += [_rules(step, context) for step in judged]
            body += [_limits(step, context) for step in judged if step.figures.get("limits")]
            sections.append(Section("How good the model is", body, is_brief=True))
        worked = [step for step in noun.steps if step.seconds]
        beside = [tag("div", _graph(noun, context)), tag("div", _time(worked) if worked else "")]
        sections.append(Section("Steps", tag("div", beside, class_="beside"), _HOW))
        sections.append(Section("Step by step", _steps(noun, context), is_brief=True))
        if noun.parameters:
            rows: list[Row] = [[tag("code", key), figure_of(value)] for key, value in noun.parameters.items()]
            sections.append(Section("Parameters", table("Of the pipeline", [Column("Name"), Column("Value")], rows)))
        return Report(
            "run",
            noun.run_id,
            _headline(noun),
            tone=_TONES.get(noun.state, "plain"),
            word=noun.state,
            lead=[f"Pipeline {noun.pipeline}, started {moment(noun.created_us // 1_000_000 * 1_000_000)} UTC."],
            facts=_facts(noun),
            sections=tuple(sections),
        )


def figure_of(value: object) -> str:
    """A parameter as text."""
    return figure(value) if isinstance(value, (int, float)) else str(value)


def _headline(noun: RunRecord) -> str:
    states = Counter(step.state for step in noun.steps)
    worked = states["succeeded"] + states["no"]
    told = f"{plural(worked, 'step')} ran, {count(states['cached'])} came from the store"
    refused = [step for step in noun.steps if step.state == "no"]
    failed = [step for step in noun.steps if step.state in ("failed", "lost")]
    if failed:
        return f"{failed[0].name} failed: {failed[0].says[0][:140]}" if failed[0].says else f"{failed[0].name} failed"
    if refused:
        blocked = f"; {plural(states['blocked'], 'step')} after it did not run" if states["blocked"] else ""
        return f"{refused[0].name} said no: {plural(refused[0].num_findings, 'finding')}{blocked}"
    waiting = [step.name for step in noun.steps if step.state == "waiting"]
    if noun.state == "waiting" and waiting:
        return f"{', '.join(waiting)} {'waits' if len(waiting) == 1 else 'wait'} for a person's approval"
    if noun.state == "succeeded":
        good = [words for step in noun.steps if step.figures.get("metrics") and (words := summary_of(step.figures))]
        return f"All went well: {good[-1]}" if good else f"All went well: {told}"
    return f"The run is {noun.state}: {told}"


def _facts(noun: RunRecord) -> dict[str, Content]:
    facts: dict[str, Content] = {}
    if noun.seconds is not None:
        facts["Took"] = duration(noun.seconds)
    facts["Steps"] = count(sum(step.state != "looked up" for step in noun.steps))
    facts["From the store"] = count(sum(step.state == "cached" for step in noun.steps))
    facts["Rows read"] = count(sum(step.rows_read for step in noun.steps))
    facts["Not read again"] = count(sum(step.rows_reused for step in noun.steps))
    return facts


def _metrics(step: StepRecord, context: Context) -> Html:
    champion = step.figures.get("champion") or {}
    columns = [Column("Metric"), Column("This model", "num")]
    columns += [Column("Champion", "num", "The served model on the same rows"), Column("So it is")] if champion else []
    tones = {"better": "good", "worse": "bad"}
    rows: list[Row] = []
    for metric, value in step.figures["metrics"].items():
        row: list[Content | Cell] = [name(metric), Cell(figure(value), value)]
        if champion:
            word = better(metric, step.figures)
            then = champion.get(metric)
            said = tag("span", word, class_=f"tone {tones.get(word, 'plain')}") if word else ""
            row += [Cell("" if then is None else figure(then), then), said]
        rows.append(row)
    return tag("div", tag("p", _whole(step, context)), table(f"On all rows of {step.name}", columns, rows))


def _rules(step: StepRecord, context: Context) -> Html:
    columns = [Column("Rule"), Column("Slice"), Column("Says"), Column("Measured", "num"), Column("Margin", "num")]
    rows: list[Row] = []
    for rule in step.figures["rules"]:
        word = "not judged" if rule["ok"] and not rule["is_judged"] else "yes" if rule["ok"] else "no"
        says: list[Content] = [tag("span", word, class_=f"tone {_SAID[word]}")]
        says += [] if rule["is_judged"] else [f" {rule['reason']}"]
        apart, measured = rule["margin"], rule["measured"]
        rows.append(
            [
                tag("code", rule["rule"]),
                name(rule["slice"]),
                says,
                Cell("" if measured is None else figure(measured), measured),
                Cell("" if apart is None else f"{'+' if apart > 0 else ''}{figure(apart, 3)}", apart),
            ]
        )
    return tag(
        "div", tag("p", _whole(step, context)), table(f"Rules of {step.name}", columns, rows, most_rows=_MOST_RULES)
    )


def _limits(step: StepRecord, context: Context) -> Html:
    columns = [Column("Limit"), Column("Says"), Column("Measured", "num"), Column("Allowed", "num")]
    rows: list[Row] = []
    for limit in step.figures["limits"]:
        word = "not judged" if limit["ok"] and not limit["is_judged"] else "yes" if limit["ok"] else "no"
        says: list[Content] = [tag("span", word, class_=f"tone {_SAID[word]}")]
        says += [] if limit["ok"] and limit["is_judged"] else [f" {limit['reason']}"]
        figures = [
            Cell("" if value is None else figure(value), value) for value in (limit["measured"], limit["allowed"])
        ]
        rows.append([tag("code", limit["limit"]), says, *figures])
    return tag(
        "div", tag("p", _whole(step, context)), table(f"Whether it is safe to serve: {step.name}", columns, rows)
    )


def _whole(step: StepRecord, context: Context) -> list[Content]:
    """The step's name, and its page, which tells the whole of it."""
    target = _href(step, context)
    return [name(step.name), ": ", tag("a", "the whole page", href=target) if target else "its figures"]


def _graph(noun: RunRecord, context: Context) -> Html:
    boxes: dict[str, Box] = {}
    grouped: dict[str, list[StepRecord]] = {}
    for step in noun.steps:
        stem, bracket, _ = step.name.partition("[")
        if bracket:
            grouped.setdefault(stem, []).append(step)
    folded = {step.name: stem for stem, several in grouped.items() if len(several) > _MOST_SPANS for step in several}
    for stem, several in grouped.items():
        if len(several) > _MOST_SPANS:
            states = Counter(step.state for step in several)
            words = tuple(f"{count(number)} {state}" for state, number in states.items())
            shape = next((_SHAPES[state] for state in ("failed", "lost", "succeeded") if states[state]), "box-plain")
            boxes[f"{stem}[]"] = Box((f"{stem}: {len(several)} spans", *words), (), shape)
    for step in noun.steps:
        if step.name in folded:
            continue
        needs = tuple(dict.fromkeys(f"{folded[need]}[]" if need in folded else need for need in step.needs))
        lines = (step.name, step.state + (f", {duration(step.seconds)}" if step.seconds else ""))
        shape = _SHAPES.get(step.state, "box-plain")
        boxes[step.name] = Box(lines, needs, shape, f"{step.name}: {step.why}", _box_link(step, context))
    said = "; ".join(f"{step.name} {step.state}" for step in noun.steps)
    return diagram("The steps of the run", boxes, description=said)


def _named(step: StepRecord, context: Context) -> Html:
    """The step's name, linked to what its own page tells, where it has one."""
    target = context.part(step.name)
    return tag("a", name(step.name), href=target) if target else name(step.name)


def _href(step: StepRecord, context: Context) -> str:
    for _, digest in step.outputs.values():
        target = context.link(digest)
        if target:
            return target
    return ""


def _box_link(step: StepRecord, context: Context) -> str:
    return context.part(step.name) or _href(step, context)


def _time(steps: Sequence[StepRecord]) -> list[Content]:
    rows = [(step.name, step.start_s, step.seconds, _BARS.get(step.state, "accent-fill")) for step in steps]
    marks = [("dot accent-fill", "ran")]
    if any(row[3] == "bad-fill" for row in rows):
        marks.append(("dot bad-fill", "said no or failed"))
    return [legend(marks), timeline("When each step ran", rows, width=720)]


def _steps(noun: RunRecord, context: Context) -> Html:
    columns = [Column("Step"), Column("State"), Column("Took", "num"), Column("Rows read", "num")]
    columns += [
        Column("Not read again", "num", "What was known of them was kept"),
        Column("Why, and what it said"),
        Column("Made"),
    ]
    rows: list[Row] = []
    for step in noun.steps:
        said: list[Content] = [tag("div", name(step.why, longest=400))]
        says = [line for line in step.says if not step.why.endswith(f": {line}")]  # what is told once is told
        said += [tag("div", name(line, longest=500), class_="quiet") for line in says[:_MOST_SAID]]
        if len(says) > _MOST_SAID:
            said.append(tag("div", f"and {count(len(says) - _MOST_SAID)} more", class_="quiet"))
        made = [tag("div", name(output), " ", context.artifact(digest)) for output, (_, digest) in step.outputs.items()]
        tone = {"box-good": "good", "box-bad": "bad", "box-warn": "warn"}.get(_SHAPES.get(step.state, ""), "plain")
        again = f" ({step.num_attempts} attempts)" if step.num_attempts > 1 else ""
        rows.append(
            [
                _named(step, context),
                [tag("span", step.state, class_=f"tone {tone}"), again],
                Cell(duration(step.seconds) if step.seconds else "", step.seconds or None),
                Cell(count(step.rows_read) if step.rows_read else "", step.rows_read or None),
                Cell(count(step.rows_reused) if step.rows_reused else "", step.rows_reused or None),
                said,
                made,
            ]
        )
    return table("In the order of the pipeline", columns, rows)

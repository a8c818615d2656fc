"""The page of an inspection: which columns a model is good by, how predictions move with them, and what is simpler."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from headrace.inspection import Dependence, Simpler
from headrace.inspection import Inspection as Noun
from headrace.report import (
    Cell,
    Column,
    Content,
    Context,
    Curve,
    Dot,
    Html,
    Page,
    Report,
    Row,
    Section,
    curves,
    dot,
    legend,
    name,
    table,
    tag,
)
from headrace.report.figures import NOTHING, aligned, count, figure, plural, share

__all__ = ["Inspection"]

_MOST_DRAWN = 16
_SAID_OF_ABLATION = (
    "What is lost in models fitted again on the same rows without these features, beside one fitted with all: the "
    "others take over what they can. The interval covers other rows to be judged, not other rows to be fitted on."
)
_WIDTH, _HEIGHT = 480.0, 250.0


class Inspection(Page):
    """Importance as dots with intervals, dependence as curves or tables, simpler models beside."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        way = "larger" if noun.higher_is_better else "smaller"
        lost = f"What {noun.metric} ({way} is better) loses when a column's values are dealt out to other rows."
        sections = [
            Section("Columns", _importance(noun), lost, is_brief=True),
            Section("Simpler models", _simpler(noun), _said_of_simpler(noun), is_brief=True),
        ]
        if noun.ablation:
            sections.insert(1, Section("Without features", _ablation(noun), _SAID_OF_ABLATION, is_brief=True))
        if not context.is_brief:
            drawn = [one for one in noun.dependence if len(one.points) > 1][:_MOST_DRAWN]
            says = (
                f"The mean prediction of {plural(noun.num_asked, 'row')} with a column at one value for all of them, "
                "and between which four in five of them lie. All to one scale."
            )
            if drawn:
                sections.insert(-1, Section("How predictions move", _dependence(noun, drawn), says))
            made: list[Row] = [["Model", context.artifact(noun.model_digest)]]
            sections.append(Section("Made of", table("What was inspected", [Column("What"), Column("Digest")], made)))
        facts: dict[str, Content] = {
            noun.metric: figure(noun.value),
            "Rows": count(noun.num_rows),
            "Columns": count(len(noun.importance)),
        }
        if noun.idle:
            facts["Not surely of use"] = count(len(noun.idle))
        return Report(
            "inspection",
            context.name_of(noun),
            _headline(noun),
            lead=_lead(noun),
            facts=facts,
            sections=tuple(sections),
        )


def _headline(noun: Noun) -> str:
    first = noun.importance[0]
    if not first.is_sure:
        return "No column is surely of use by itself"
    return f"The model is good by {first.column} first"


def _lead(noun: Noun) -> Content:
    if not noun.idle:
        return "It is surely worse without each of its columns."
    told: list[Content] = []
    for column in noun.idle[:6]:
        told += [", " if told else "", name(column)]
    more = f" and {len(noun.idle) - 6} more" if len(noun.idle) > 6 else ""
    return [
        "Not surely better with: ",
        told,
        f"{more}. Columns that say nearly the same stand in for each other: leave one out, and look again.",
    ]


def _importance(noun: Noun) -> Html:
    low = min(0.0, *(one.lower for one in noun.importance))
    high = max(1e-12, *(one.upper for one in noun.importance))
    pad = 0.04 * (high - low)
    across = (low - pad, high + pad)
    texts = [aligned([getattr(one, part) for one in noun.importance], 4) for part in ("drop", "lower", "upper")]
    rows: list[Row] = []
    for place, one in enumerate(noun.importance):
        mark = Dot(one.drop, one.lower, one.upper, line=0.0)
        drawn = dot(f"{one.column}: {figure(one.drop)}", mark, across, width=220)
        ends = f"{texts[1][place]} to {texts[2][place]}"
        said = "" if one.is_sure else "not sure"
        if one.drop == one.lower == one.upper == 0.0:
            said, ends = "changes no prediction", NOTHING
        rows.append([name(one.column), drawn, Cell(texts[0][place], one.drop), ends, said])
    columns = [
        Column("Column"),
        Column("Loss", "chart"),
        Column("value", "num", "Loss"),
        Column("95 % interval", "num"),
    ]
    return table("Importance", [*columns, Column("")], rows, muted=[not one.is_sure for one in noun.importance])


def _ablation(noun: Noun) -> Html:
    rows: list[Row] = []
    for one in noun.ablation:
        ends = NOTHING if one.lower is None else f"{figure(one.lower)} to {figure(one.upper)}"
        said = "" if one.is_sure else "not sure"
        left_out = [[", " if place else "", name(feature)] for place, feature in enumerate(one.features)]
        rows.append([left_out, Cell(figure(one.value), one.value), Cell(figure(one.drop), one.drop), ends, said])
    columns = [Column("Without"), Column(noun.metric, "num"), Column("Loss", "num"), Column("95 % interval", "num")]
    return table("Fitted again", [*columns, Column("")], rows, muted=[not one.is_sure for one in noun.ablation])


def _said_of_simpler(noun: Noun) -> str:
    linear = next((one for one in noun.simpler if one.name == "linear"), None)
    if linear is None or math.isnan(linear.value):
        return "On the same rows; the linear model is fitted on half of them and judged on the other, in turn."
    if linear.lower is not None and linear.lower > 0:
        word = "surely worse"
    elif linear.upper is not None and linear.upper < 0:
        word = "surely better: serve that instead, or look for what went wrong"
    else:
        word = "not surely worse: it may do as well, at a fraction of the trouble"
    return f"A linear model of the same raw columns, fitted on half of these rows and judged on the other, is {word}."


def _simpler(noun: Noun) -> Html:
    def row(one: Simpler) -> Row:
        ends = NOTHING if one.lower is None else f"{figure(one.lower)} to {figure(one.upper)}"
        said = {"constant": "the mean label", "linear": "a linear model"}.get(one.name, one.name)
        return [said, Cell(figure(one.value), one.value), Cell(figure(one.worse), one.worse), ends]

    columns = [Column("Model"), Column(noun.metric, "num"), Column("Worse by", "num"), Column("95 % interval", "num")]
    own: Row = ["this model", Cell(figure(noun.value), noun.value), NOTHING, NOTHING]
    return table("On the same rows", columns, [own, *(row(one) for one in reversed(noun.simpler))])


def _dependence(noun: Noun, drawn: list[Dependence]) -> list[Content]:
    points = [point for one in drawn for point in one.points]
    low, high = min(point.low for point in points), max(point.high for point in points)
    pad = 0.04 * (high - low) or 0.5
    up = (low - pad, high + pad)
    entries = [("accent", "mean prediction"), ("second dashed", "all but a tenth below, and a tenth above")]
    figures = [tag("figure", tag("figcaption", name(one.column)), _one(one, up)) for one in drawn]
    return [legend(entries), tag("div", figures, class_="grid pairs")]


def _one(one: Dependence, up: tuple[float, float]) -> Content:
    if one.kind in ("text", "boolean"):
        return _values(one, up)
    known = [point for point in one.points if point.value is not None]
    null = next((point for point in one.points if point.value is None), None)
    note: Content = ""
    if null is not None:
        note = tag("p", f"Null in {share(null.share or 0.0)} of the rows: {figure(null.mean)}.", class_="note")
    if len(known) < 2:
        return _values(one, up)
    across = [float(point.value or 0) for point in known]
    unit = one.column
    if one.kind == "timestamp":
        begin = datetime.fromtimestamp(across[0] / 1e6, UTC)
        across, unit = [(at - across[0]) / 86_400e6 for at in across], f"days since {begin:%Y-%m-%d}"
    lines = [
        Curve("all but a tenth below", "second dashed", [(a, p.low) for a, p in zip(across, known, strict=True)]),
        Curve("all but a tenth above", "second dashed", [(a, p.high) for a, p in zip(across, known, strict=True)]),
        Curve("mean prediction", "accent", [(a, p.mean) for a, p in zip(across, known, strict=True)]),
        Curve("mean prediction", "accent", [(a, p.mean) for a, p in zip(across, known, strict=True)], is_dots=True),
    ]
    whole = (across[0], across[-1])
    title = f"Predictions by {one.column}"
    return [curves(title, lines, across=whole, up=up, labels=(unit, "prediction"), width=_WIDTH, height=_HEIGHT), note]


def _values(one: Dependence, up: tuple[float, float]) -> Html:
    texts = aligned([point.mean for point in one.points], 4)
    rows: list[Row] = []
    for place, point in enumerate(one.points):
        label = (
            "null" if point.value is None else str(point.value).lower() if one.kind == "boolean" else str(point.value)
        )
        mark = Dot(point.mean, point.low, point.high)
        drawn = dot(f"{label}: {figure(point.mean)}", mark, up)
        told: Content | Cell = NOTHING if point.share is None else Cell(share(point.share), point.share)
        rows.append([name(label), told, drawn, Cell(texts[place], point.mean)])
    columns = [
        Column(one.column),
        Column("Share", "num"),
        Column("prediction", "chart"),
        Column("mean", "num", "prediction"),
    ]
    return table(f"Predictions by {one.column}", columns, rows)

"""The page of an evaluation: how good, where worst, and the curves behind the figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from headrace.evaluation import Evaluation as Noun
from headrace.evaluation import SliceResults
from headrace.orchestration.pages._confusion import Confusion, by_label
from headrace.orchestration.pages._residuals import Residuals
from headrace.orchestration.pages._scores import Scores
from headrace.orchestration.pages._weak_slices import weak_section
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
    name,
    table,
    tag,
)
from headrace.report.figures import NOTHING, aligned, count, figure, plural, signed
from headrace.rules import Slice, Value, slice_text

__all__ = ["Evaluation"]

_FEWEST_ROWS = 100  # of a slice that the headline may call the weakest
_MOST_DRAWN = 3  # metrics with a drawing of their own in a table of slices
_MOST_SLICES = 400


class Evaluation(Page):
    """Metrics beside champion and baseline, slices worst first, ROC, precision and recall, calibration, scores."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page. Cost: sorting the predictions twice."""
        sections = [Section("Metrics", _metrics(noun), _about(noun), is_brief=True)]
        cuts = _cuts(noun)
        if cuts:
            body: list[Content] = [_slice_legend(noun)]
            body += [_slices(noun, columns, cells, context) for columns, cells in cuts.items()]
            sections.append(
                Section("Slices", body, "The weakest first. Click a heading for another order.", is_brief=True)
            )
        if noun.weak_slices is not None:
            sections.append(weak_section(noun.weak_slices))
        if not context.is_brief:
            sections[1:1] = _behind(noun)
            sections.append(Section("Made of", _made_of(noun, context)))
        headline, tone, word = _headline(noun)
        return Report(
            "evaluation",
            context.name_of(noun),
            headline,
            tone=tone,
            word=word,
            lead=_weakest(noun, cuts),
            facts=_facts(noun),
            sections=tuple(sections),
        )


def _behind(noun: Noun) -> list[Section]:
    """The predictions behind the figures: curves of two classes, confusions of several, errors of values.

    Nothing where there are too few.
    """
    if noun.has_labels:
        drawn = by_label(noun.predictions, noun.classes)
        says = "A row is called each label whose probability is 0.5 or more."
        return [] if drawn is None else [Section("Labels", [drawn], says)]
    if noun.classes:
        confusion = Confusion.of(noun.predictions, noun.classes)
        return [] if confusion is None else [Section("Classes", confusion.draw(), confusion.note)]
    scores = Scores.of(noun.predictions)
    if scores is not None:
        says = "What deciding at a threshold would mean."
        return [Section("Curves", scores.draw(), scores.note), Section("Thresholds", scores.thresholds(), says)]
    residuals = Residuals.of(noun.predictions)
    return [] if residuals is None else [Section("Errors", residuals.draw(), residuals.note)]


def _better(noun: Noun, metric: str) -> bool:
    return next((bool(item["higher_is_better"]) for item in noun.metrics if item["name"] == metric), True)


def _headline(noun: Noun) -> tuple[str, Any, str]:
    first = noun.metric_names[0]
    value = noun[first]
    shown = f"{first} {figure(value.value)} on {plural(value.num_rows, 'row')}"
    if math.isnan(value.value):
        return f"{first} is not defined: {value.reason or 'no value'}", "warn", "undefined"
    if noun.champion is None:
        why = f", not compared with the champion: {noun.champion_reason}" if noun.champion_reason else ""
        return f"{shown}{why}", "plain", ""
    difference = value.value - noun.champion[first].value
    if math.isnan(difference):
        return shown, "plain", ""
    if difference == 0:
        return f"{shown}, the same as the champion's", "plain", "equal"
    is_better = (difference > 0) == _better(noun, first)
    word = "better" if is_better else "worse"
    return f"{shown}, {figure(abs(difference), 2)} {word} than the champion", "good" if is_better else "warn", word


def _facts(noun: Noun) -> dict[str, Content]:
    facts: dict[str, Content] = {"Rows": count(noun.num_rows)}
    if noun.num_dropped:
        facts["Without a label"] = count(noun.num_dropped)
    facts["Slices"] = count(noun.num_slices)
    facts["Metrics"] = count(len(noun.metric_names))
    return facts


def _about(noun: Noun) -> str:
    each = "label" if noun.has_labels else "class"
    constant = f"each {each}'s share of all rows" if noun.classes else "the mean label"
    if any(value.lower is not None for value in noun.cells[0].values.values()):
        return f"Beside each value the ends of its interval. The baseline is {constant}, for every row."
    return f"The baseline is one prediction for every row, {constant}."


def _metrics(noun: Noun) -> Html:
    has_interval = any(value.lower is not None for value in noun.cells[0].values.values())
    columns = [Column("Metric"), Column("Value", "num")]
    if has_interval:
        columns.append(Column("95 % interval", "num"))
    if noun.champion is not None:
        columns += [Column("Champion", "num"), Column("Difference", "num"), Column("")]
    columns += [Column("Baseline", "num"), Column("Better is")]
    rows: list[Row] = []
    for metric in noun.metric_names:
        value, up = noun[metric], _better(noun, metric)
        row: list[Content | Cell] = [metric, _value(value)]
        if has_interval:
            row.append(f"{figure(value.lower)} to {figure(value.upper)}")
        if noun.champion is not None:
            other = noun.champion[metric]
            difference = value.value - other.value
            row += [_value(other), Cell(NOTHING if math.isnan(difference) else signed(difference), difference)]
            row.append(_judgement(difference, up))
        row += [_value(noun.baseline.cells[0].values.get(metric)), "higher" if up else "lower"]
        rows.append(row)
    return table("Over all rows", columns, rows)


def _judgement(difference: float, up: bool) -> Content:
    if math.isnan(difference) or difference == 0:
        return ""
    is_better = (difference > 0) == up
    return tag("span", "better" if is_better else "worse", class_=f"tone {'good' if is_better else 'warn'}")


def _value(value: Value | None, text: str = "") -> Cell:
    if value is None:
        return Cell(NOTHING, None)
    shown: Content = text or figure(value.value)
    return Cell(tag("span", shown, title=value.reason) if value.reason else shown, value.value)


def _cuts(noun: Noun) -> dict[tuple[str, ...], list[SliceResults]]:
    cuts: dict[tuple[str, ...], list[SliceResults]] = {}
    for cell in noun.cells[1:]:
        cuts.setdefault(tuple(cell.slice), []).append(cell)
    return cuts


def _weakest(noun: Noun, cuts: dict[tuple[str, ...], list[SliceResults]]) -> Content:
    first = noun.metric_names[0]
    cells = [cell for several in cuts.values() for cell in several]
    judged = [cell for cell in cells if cell.num_rows >= _FEWEST_ROWS and not math.isnan(cell[first].value)]
    if not judged:
        return None
    worst = (min if _better(noun, first) else max)(judged, key=lambda cell: cell[first].value)
    where = f"{figure(worst[first].value)} on {plural(worst.num_rows, 'row')}"
    return ["Weakest slice: ", name(slice_text(_names(noun)[id(worst)])), f", {where}."]


def _names(noun: Noun) -> dict[int, Slice]:
    """Of each cell the slice as rules write it."""
    return dict(zip(map(id, noun.cells), noun.table, strict=True))


def _slice_legend(noun: Noun) -> Html:
    entries = [("dot accent-fill", "this model")]
    if noun.champion is not None:
        entries.append(("dot hollow", "the champion"))
    return legend([*entries, ("pale", "this model over all rows")])


def _slices(noun: Noun, columns: tuple[str, ...], cells: Sequence[SliceResults], context: Context) -> Html:
    drawn = noun.metric_names[: 1 if context.is_brief else _MOST_DRAWN]
    heads = [Column(", ".join(columns)), Column("Rows", "num")]
    for metric in noun.metric_names:
        heads += (
            [Column(metric, "chart"), Column("value", "num", metric)] if metric in drawn else [Column(metric, "num")]
        )
    champion = {} if noun.champion is None else noun.champion.table
    names = _names(noun)
    ranges = {metric: _range(noun, metric, cells) for metric in drawn}
    up = _better(noun, noun.metric_names[0])
    ordered = sorted(cells, key=lambda cell: _rank(cell[noun.metric_names[0]].value, up))
    texts = {metric: aligned([cell[metric].value for cell in ordered]) for metric in noun.metric_names}
    rows: list[Row] = []
    for place, cell in enumerate(ordered):
        pairs = names[id(cell)]
        label = slice_text(pairs) if len(columns) > 1 else ("null" if pairs[0][1] is None else pairs[0][1])
        row: list[Content | Cell] = [name(label), Cell(count(cell.num_rows), cell.num_rows)]
        for metric in noun.metric_names:
            value = cell[metric]
            if metric in drawn:
                other = champion[pairs][metric].value if pairs in champion else None
                mark = Dot(_or_none(value.value), value.lower, value.upper, _or_none(other), noun[metric].value)
                row.append(dot(f"{label}: {metric} {figure(value.value)}", mark, ranges[metric]))
            row.append(_value(value, texts[metric][place]))
        rows.append(row)
    return table(f"By {', '.join(columns)}", heads, rows, most_rows=_MOST_SLICES)


def _rank(value: float, up: bool) -> tuple[bool, float]:
    return math.isnan(value), 0.0 if math.isnan(value) else (value if up else -value)


def _or_none(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _range(noun: Noun, metric: str, cells: Sequence[SliceResults]) -> tuple[float, float]:
    """One scale for all rows: of the slices that are not tiny, so that these do not squeeze the others together."""
    found = [cell[metric].value for cell in cells if cell.num_rows >= _FEWEST_ROWS] or [c[metric].value for c in cells]
    found = [value for value in [*found, noun[metric].value] if math.isfinite(value)]
    if not found:
        return (0.0, 1.0)
    low, high = min(found), max(found)
    pad = 0.12 * (high - low) or abs(low) * 0.05 or 0.5
    return low - pad, high + pad


def _made_of(noun: Noun, context: Context) -> Html:
    rows: list[Row] = [["Model", context.artifact(noun.model_digest)]]
    if noun.champion_digest:
        rows.append(["Champion", context.artifact(noun.champion_digest)])
    rows += [[tag("span", "Rows of ", name(part)), tag("code", digest[:12])] for part, digest in noun.parts.items()]
    return table("What was judged, on which rows", [Column("What"), Column("Digest")], rows)

"""The page of a model: what it takes, what it answers, what it was fitted on, and how its training went."""

from __future__ import annotations

import math
from typing import Any

from headrace.errors import InvalidInput
from headrace.model import Model as Noun
from headrace.report import (
    Cell,
    Column,
    Content,
    Context,
    Curve,
    Html,
    Page,
    Report,
    Row,
    Section,
    curves,
    legend,
    name,
    table,
    tag,
)
from headrace.report.figures import NOTHING, count, figure, moment, plural, size
from headrace.training.history import HISTORY, History

__all__ = ["Model", "training_curves"]


class Model(Page):
    """Signature, trainer, the rows it was fitted on, files."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        signature = noun.signature
        trainer = signature.trainer.get("trainer", "A model")
        label = (signature.label or "its label")[:60]
        what = f"how likely it is that {label} is {_one(noun)}" if signature.task == "binary" else label
        if signature.classes:
            what = f"how likely each of the {len(signature.classes)} values of {label} is"
        headline = f"{trainer} predicts {what}, from {plural(len(noun.columns), 'raw column')}"
        sections = [Section("Takes", _columns(noun), "What a row, or a request, must hold.", is_brief=True)]
        sections.append(Section("Computes and answers", _answers(noun)))
        history = _history(noun)
        if history:
            note = "Loss after each round; lower is better."
            sections.insert(0, Section("Training", training_curves(history), note, is_brief=True))
        if signature.trainer:
            sections.append(Section("Trainer", _trainer(noun), is_brief=True))
        if signature.fitted_parts and not context.is_brief:
            sections.append(Section("Fitted on", _parts(noun)))
        if not context.is_brief:
            sections.append(Section("Files", _files(noun)))
        return Report(
            "model",
            context.name_of(noun),
            headline,
            lead=f"{count(noun.golden.num_rows)} golden rows are answered again, byte for byte, before it is served.",
            facts={
                "Task": signature.task,
                "Fitted on": [count(signature.num_rows), tag("small", "rows")],
                "Without a label": count(signature.num_dropped),
                "Features": count(len(noun.feature_names)),
                "Graph": size(len(noun.onnx)),
            },
            sections=tuple(sections),
        )


def _one(noun: Noun) -> str:
    """What the label is where it counts as 1."""
    positive = noun.signature.positive
    return "1" if positive is None else str(positive)[:60]


def _history(noun: Noun) -> dict[str, list[tuple[int, float]]]:
    """The curves that the trainer reported; {} where there are none, or they cannot be read."""
    data = noun.native_files.get(HISTORY)
    try:
        return {} if data is None else History.from_bytes(data).curves
    except InvalidInput:
        return {}


def training_curves(history: dict[str, list[tuple[int, float]]]) -> list[Content]:
    """Losses by what they are of, over the rounds: drawn, and in figures."""
    names = [*sorted(history, key=lambda word: word != "train")]
    shapes = dict(zip(names, ("second", "accent", "third", "pale"), strict=False))
    values = [value for name_ in names for _, value in history[name_] if math.isfinite(value)]
    steps = [step for name_ in names for step, _ in history[name_]]
    if not values or min(steps) == max(steps):
        return [tag("p", "There was one round only.", class_="note")]
    drawn = [Curve(word, shapes[word], [(float(step), value) for step, value in history[word]]) for word in shapes]
    judged = history.get("validation")
    marks = []
    if judged:
        best, least = min(judged, key=lambda item: item[1])
        marks.append((float(best), f"least on validation: {figure(least)}"))
    low, high = min(values), max(values)
    ends = {word: (found[0][1], min(value for _, value in found), found[-1][1]) for word, found in history.items()}
    picture = curves(
        "Loss by round",
        drawn,
        across=(float(min(steps)), float(max(steps))),
        up=(low - 0.04 * (high - low), high),
        labels=("round", "loss"),
        width=720,
        height=260,
        marks=marks,
        description="; ".join(f"{word} from {figure(ends[word][0])} to {figure(ends[word][2])}" for word in names),
    )
    rows: list[Row] = [[word, *(figure(value) for value in ends[word])] for word in names]
    columns = [Column("On"), Column("First", "num"), Column("Least", "num"), Column("Last", "num")]
    entries = [(shapes[word], word) for word in shapes]
    return [legend(entries), tag("figure", picture), table("The loss in figures", columns, rows)]


def _columns(noun: Noun) -> Html:
    rows: list[Row] = []
    for column in noun.columns:
        text: Any = moment if column.kind == "timestamp" else figure
        limits = [Cell(NOTHING if limit is None else text(limit), limit) for limit in (column.min, column.max)]
        rows.append([name(column.name), column.kind, "yes" if column.is_nullable else "no", *limits])
    columns = [Column("Column"), Column("Kind"), Column("Null allowed"), Column("From", "num"), Column("To", "num")]
    if all(column.min is None and column.max is None for column in noun.columns):
        columns, rows = columns[:3], [row[:3] for row in rows]
    return table(plural(len(rows), "raw column"), columns, rows)


def _answers(noun: Noun) -> list[Content]:
    signature = noun.signature
    words = {
        "prediction": f"the probability of {_one(noun)}" if signature.task == "binary" else "the value",
        "margin": "the sum before it is made a probability" + (", for each class" if signature.classes else ""),
        "features": f"{count(len(noun.feature_names))} numbers: " + ", ".join(noun.feature_names)[:500],
    }
    if signature.classes:
        words["prediction"] = f"the probability of each class: {', '.join(map(str, signature.classes))}"
    rows: list[Row] = [[tag("code", output), name(words.get(output, ""), longest=500)] for output in signature.outputs]
    shown: list[Content] = [table("Outputs of the graph", [Column("Output"), Column("What it is")], rows)]
    if signature.ignored:
        listed = ", ".join(signature.ignored)
        shown.append(
            tag("p", "Columns a client may send that are not looked at: ", name(listed, longest=600), class_="note")
        )
    if signature.sensitive:
        listed = ", ".join(signature.sensitive)
        shown.append(tag("p", "Columns whose values are never logged: ", name(listed, longest=600), class_="note"))
    return shown


def _trainer(noun: Noun) -> Html:
    rows: list[Row] = [
        [
            tag("code", key),
            name("none" if value is None else figure(value) if isinstance(value, (int, float)) else str(value)),
        ]
        for key, value in sorted(noun.signature.trainer.items())
    ]
    return table("Trainer and its parameters", [Column("Parameter"), Column("Value")], rows)


def _parts(noun: Noun) -> Html:
    rows: list[Row] = [
        [name(part), tag("code", digest[:12])] for part, digest in sorted(noun.signature.fitted_parts.items())
    ]
    return table(
        "Parts of the data; evaluation refuses these", [Column("Span and split"), Column("Digest of its rows")], rows
    )


def _files(noun: Noun) -> Html:
    files = {"model.onnx": len(noun.onnx), **{key: len(data) for key, data in noun.native_files.items()}}
    rows: list[Row] = [[tag("code", key), Cell(size(length), length)] for key, length in sorted(files.items())]
    return table("The largest files of the artifact", [Column("File"), Column("Size", "num")], rows)

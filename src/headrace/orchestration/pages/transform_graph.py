"""The page of a transform graph: from raw columns to features, drawn, with what was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.report import Box, Column, Content, Context, Html, Page, Report, Row, Section, diagram, name, table, tag
from headrace.report.figures import count, figure, plural
from headrace.transformation import TransformGraph as Noun
from headrace.transformation.expressions import Expressions, Node, node_text

__all__ = ["TransformGraph"]

_MOST_DRAWN = 160  # nodes
_MOST_VALUES = 8


class TransformGraph(Page):
    """The expression graph as a drawing and as a table, with the constants that data gave it."""

    def report(self, noun: Noun, context: Context) -> Report:
        """The page."""
        constants = {int(index): found for index, found in noun.to_plain()["constants"].items()}
        features, columns = noun.feature_names, noun.columns
        fitted = len(constants)
        headline = f"{plural(len(features), 'feature')} from {plural(len(columns), 'raw column')}"
        headline += (
            f"; {count(fitted)} of its operations were fitted to data" if fitted else "; nothing in it is fitted"
        )
        nodes = noun.expressions.nodes
        sections = []
        if len(nodes) + len(features) <= _MOST_DRAWN:
            note = (
                "From raw columns on the left to features on the right; what was fitted to data is outlined in colour."
            )
            sections.append(Section("Graph", _drawn(noun.expressions, constants), note, is_brief=True))
        sections.append(Section("Features", _features(noun, constants), is_brief=True))
        if not context.is_brief:
            sections.append(Section("Raw columns", _columns(noun)))
        kinds = noun.feature_kinds
        return Report(
            "transform graph",
            context.name_of(noun),
            headline,
            facts={
                "Features": count(len(features)),
                "Categorical": count(sum(kind == "categorical" for kind in kinds)),
                "Raw columns": count(len(columns)),
                "Operations": count(sum(node.op not in ("column", "literal") for node in nodes)),
                "Fitted": count(fitted),
            },
            sections=tuple(sections),
        )


def _drawn(expressions: Expressions, constants: Mapping[int, Mapping[str, Any]]) -> Html:
    boxes: dict[str, Box] = {}
    for index, node in enumerate(expressions.nodes):
        if node.op == "literal":
            continue
        needs = tuple(str(item) for item in node.inputs if expressions.nodes[item].op != "literal")
        shape = "box-plain" if node.op == "column" else "box-accent" if index in constants else "box"
        lines = _lines(node, expressions) + _fitted_lines(constants.get(index, {}))
        boxes[str(index)] = Box(lines, needs, shape, expressions.text(index))
    for feature, index in expressions.features:
        boxes[f"feature {feature}"] = Box((feature,), (str(index),), "box-good", f"feature {feature}")
    return diagram(
        "From raw columns to features", boxes, description="The table below says the same.", ends_together=True
    )


def _lines(node: Node, expressions: Expressions) -> tuple[str, ...]:
    """The node as the user wrote it, with dots for what comes from the left."""
    if node.op == "column":
        return (str(node.parameters["name"]),)
    inputs = [expressions.nodes[item] for item in node.inputs]
    text = node_text(node, [node_text(item, ()) if item.op == "literal" else "…" for item in inputs])
    return (text[1:-1] if text.startswith("(") else text,)


def figure_of(value: Any) -> str:
    """A parameter or constant in few characters."""
    if isinstance(value, (int, float)):
        return figure(value)
    return "null" if value is None else str(value)


def _fitted_lines(constants: Mapping[str, Any]) -> tuple[str, ...]:
    lines = []
    for key, value in constants.items():
        words = plural(len(value), "value") if isinstance(value, (list, tuple, dict)) else figure_of(value)
        lines.append(f"{key}: {words}")
    return tuple(lines[:3])


def _features(noun: Noun, constants: Mapping[int, Mapping[str, Any]]) -> Html:
    expressions = noun.expressions
    rows: list[Row] = []
    for (feature, index), kind in zip(expressions.features, noun.feature_kinds, strict=True):
        rows.append(
            [
                name(feature),
                kind,
                tag("code", expressions.text(index)[:400]),
                _fitted(_below(expressions, index), constants),
            ]
        )
    columns = [Column("Feature"), Column("Kind"), Column("Computed as"), Column("Fitted to data")]
    return table("In the order of the matrix", columns, rows)


def _below(expressions: Expressions, index: int) -> list[int]:
    found, waiting = set(), [index]
    while waiting:
        item = waiting.pop()
        if item not in found:
            found.add(item)
            waiting += expressions.nodes[item].inputs
    return sorted(found)


def _fitted(nodes: list[int], constants: Mapping[int, Mapping[str, Any]]) -> Content:
    shown: list[Content] = []
    for index in nodes:
        for key, value in constants.get(index, {}).items():
            shown.append(tag("div", tag("span", f"{key} ", class_="quiet"), _constant(value)))
    return shown or tag("span", "nothing", class_="quiet")


def _constant(value: Any) -> Content:
    if not isinstance(value, (list, tuple)):
        return name(figure_of(value))
    if any(isinstance(item, str) for item in value):
        # A graph does not know which columns are sensitive, so nobody's values are listed.
        return plural(len(value), "value")
    if any(isinstance(item, (list, tuple)) for item in value):
        return plural(len(value), "row")
    listed = ", ".join(figure_of(item) for item in value[:_MOST_VALUES])
    more = len(value) - _MOST_VALUES
    return [name(listed), tag("span", f" and {count(more)} more", class_="quiet") if more > 0 else ""]


def _columns(noun: Noun) -> Html:
    rows: list[Row] = [
        [name(column.name), column.kind, "yes" if column.is_nullable else "no", figure(column.min), figure(column.max)]
        for column in noun.columns
    ]
    columns = [Column("Column"), Column("Kind"), Column("Null allowed"), Column("From", "num"), Column("To", "num")]
    if all(column.min is None and column.max is None for column in noun.columns):
        columns, rows = columns[:3], [row[:3] for row in rows]
    return table("What a row must hold", columns, rows)

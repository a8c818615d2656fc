"""Weak slices on an evaluation's page: a table, the costliest first."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.evaluation import WeakSlice
from headrace.report import Cell, Column, Row, Section, name, table, tag
from headrace.report.figures import count, figure

__all__ = ["weak_section"]


def weak_section(found: Sequence[WeakSlice]) -> Section:
    """What `find_slices` found, or that it found nothing."""
    if not found:
        nothing = tag("p", "No slice is surely worse than the other rows.")
        return Section(
            "Weak slices", nothing, "Looked for in half of the rows, judged on the other half.", is_brief=True
        )
    columns = [
        Column("Where"),
        Column("Rows", "num"),
        Column("Loss there", "num"),
        Column("Elsewhere", "num"),
        Column("Difference", "num"),
        Column("95 % interval", "num"),
        Column("Share of all loss", "num"),
    ]
    rows: list[Row] = [
        [
            tag("span", name(one.words), title=one.condition),
            Cell(count(one.num_rows), one.num_rows),
            Cell(figure(one.inside), one.inside),
            Cell(figure(one.outside), one.outside),
            Cell(figure(one.difference), one.difference),
            f"{figure(one.lower)} to {figure(one.upper)}",
            Cell(f"{100.0 * one.contribution:.2g} %", one.contribution),
        ]
        for one in found
    ]
    says = (
        "Found in half of the rows, measured on the other half. The last column is what would go if the slice were as "
        "good as the rest. To watch one, add its condition to slices=[...]."
    )
    return Section("Weak slices", table("Where the model is worse", columns, rows), says, is_brief=True)

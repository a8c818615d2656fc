"""Tables: figures under figures, with headings a screen reader can follow, sorted and searched where that helps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from headrace.report.figures import count
from headrace.report.markup import Content, Html, tag

__all__ = ["Cell", "Column", "Row", "table"]

MOST_ROWS = 1000
_FEWEST_SORTED = 4


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    heading : str
        Its words.
    kind : str
        "text", "num" (figures, set to the right) or "chart" (a drawing).
    hint : str
        What it means, shown when a pointer rests on the heading.
    """

    heading: str
    kind: str = "text"
    hint: str = ""


@dataclass(frozen=True)
class Cell:
    """A cell: what it shows, and the number it is sorted by (None = it has none, and stays last)."""

    content: Content
    value: float | None = None


Row: TypeAlias = "Sequence[Content | Cell]"
"""The cells of one row, from left to right."""


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Row],
    *,
    muted: Sequence[bool] = (),
    most_rows: int = MOST_ROWS,
) -> Html:
    """A table whose first column names its rows.

    Parameters
    ----------
    caption : str
        What it lists.
    columns : sequence of Column
        From left to right.
    rows : sequence of sequences [len(columns)]
        Cells; those of kind "num" should be a Cell with the number itself, which text sorts wrongly.
    muted : sequence of bool [len(rows)], optional
        Rows that matter less.
    most_rows : int
        Where to cut; what was left out is said below.
    """
    head = tag(
        "tr",
        [
            tag("th", column.heading, scope="col", class_=_class(column), title=column.hint or None)
            for column in columns
        ],
    )
    body = [
        tag(
            "tr",
            [_cell(cell, column, is_first=at == 0) for at, (cell, column) in enumerate(zip(row, columns, strict=True))],
            class_="muted" if muted and muted[index] else None,
        )
        for index, row in enumerate(rows[:most_rows])
    ]
    is_sorted = len(body) >= _FEWEST_SORTED
    made = tag(
        "table",
        tag("caption", caption),
        tag("thead", head),
        tag("tbody", body),
        class_="sortable" if is_sorted else None,
    )
    # Something that scrolls must be reachable by keyboard, and a region needs a name.
    scroll = tag("div", made, class_="scroll", tabindex=0, role="region", aria_label=caption)
    if len(rows) <= most_rows:
        return scroll
    left_out = f"{count(len(rows) - most_rows)} more rows are left out here."
    return tag("div", scroll, tag("p", left_out, class_="note"))


def _class(column: Column) -> str | None:
    return None if column.kind == "text" else column.kind


def _cell(cell: Content | Cell, column: Column, *, is_first: bool) -> Html:
    content = cell.content if isinstance(cell, Cell) else cell
    value = None
    if isinstance(cell, Cell):
        has_none = cell.value is None or math.isnan(cell.value)
        value = "" if has_none else repr(float(cell.value))  # type: ignore[arg-type]  # None is has_none
    if is_first:
        return tag("th", content, scope="row", class_=_class(column), data_value=value)
    return tag("td", content, class_=_class(column), data_value=value)

"""Strip: one figure over time or over parts, a cell each, the darker the more."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.report.drawing import picture
from headrace.report.markup import Html, tag

__all__ = ["strip"]


def strip(title: str, cells: Sequence[tuple[str, float, str]], *, width: float = 330, height: float = 10) -> Html:
    """A row of cells.

    Parameters
    ----------
    title : str
        What it shows.
    cells : sequence of (name, value, words)
        From left to right; the value, 0..1, is the darkness, the words say it.
    """
    step = width / max(1, len(cells))
    drawn = [
        tag(
            "rect",
            tag("title", f"{name}: {words}"),
            x=index * step + 0.5,
            y=0.5,
            width=max(0.5, step - 1),
            height=height - 1,
            class_="cell",
            fill_opacity=f"{min(1.0, max(0.0, value)):.2f}",
        )
        for index, (name, value, words) in enumerate(cells)
    ]
    return picture(width, height, title, drawn)

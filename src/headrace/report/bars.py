"""Bars: the most frequent values, each with its share, beside a mark of what the share was in other rows."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.report.drawing import Scale, picture
from headrace.report.figures import share as share_text
from headrace.report.markup import Html, tag

__all__ = ["bars", "meter"]

_ROW = 18.0


def bars(
    title: str,
    rows: Sequence[tuple[str, float, Sequence[tuple[str, str, float]]]],
    *,
    width: float = 330,
    description: str = "",
) -> Html:
    """One bar a value.

    Parameters
    ----------
    title, description : str
        See `picture`.
    rows : sequence of (words, share, marks)
        From top to bottom; marks: (name, class, share) of ticks across the bar: "pale", "accent", "second".
    """
    words_end, figures = width * 0.34, 52.0
    highest = max([share for _, share, _ in rows] + [item[2] for row in rows for item in row[2]] + [1e-12])
    across = Scale(0, highest, words_end + 6, width - figures)
    most = int(words_end / 7.2)
    drawn: list[Html] = []
    for index, (words, share, marks) in enumerate(rows):
        y = index * _ROW
        shown = words if len(words) <= most else words[: most - 1] + "…"
        drawn += [
            tag("text", shown, x=words_end, y=y + 13, text_anchor="end", class_="ink", direction="ltr"),
            tag(
                "rect",
                tag("title", f"{words}: {share_text(share)}"),
                x=across(0),
                y=y + 3,
                width=max(0.5, across(share) - across(0)),
                height=_ROW - 6,
                class_="area",
            ),
        ]
        for name, shape, value in marks:
            x, long = across(value), shape != "pale"
            drawn.append(
                tag(
                    "line",
                    tag("title", f"{words}, {name}: {share_text(value)}"),
                    x1=x,
                    x2=x,
                    y1=y + (1 if long else 4),
                    y2=y + _ROW - (1 if long else 4),
                    class_=f"line {shape}",
                )
            )
        drawn.append(tag("text", share_text(share), x=width, y=y + 13, text_anchor="end"))
    return picture(width, max(1, len(rows)) * _ROW + 2, title, drawn, description=description)


def meter(title: str, value: float, *, highest: float = 1.0, width: float = 90, shape: str = "axis-fill") -> Html:
    """A bar for a table's cell: how much of `highest` a value is."""
    across = Scale(0, highest, 0, width)
    parts = [tag("line", x1=0, x2=width, y1=10, y2=10, class_="hair")]
    if value > 0:
        parts.append(tag("rect", x=0, y=4, width=max(1.0, across(value)), height=7, class_=shape))
    return picture(width, 14, title, parts)

"""Timeline: what took how long, and what waited for what."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.report.drawing import LETTER, Scale, axis_x, picture, ticks
from headrace.report.figures import duration, figure
from headrace.report.markup import Html, tag

__all__ = ["timeline"]

_ROW = 20.0


def timeline(
    title: str, rows: Sequence[tuple[str, float, float, str]], *, width: float = 1000, description: str = ""
) -> Html:
    """One bar a row.

    Parameters
    ----------
    rows : sequence of (words, start, seconds, class)
        Seconds from the beginning; the class of the bar: "accent-fill", "bad-fill", "axis-fill".
    """
    left = min(240.0, LETTER * max((len(row[0]) for row in rows), default=0) + 12)
    end = max((start + seconds for _, start, seconds, _ in rows), default=1.0) or 1.0
    across = Scale(0, end, left, width - 64)
    bottom = _ROW * len(rows) + 4
    parts = [tag("line", x1=across(x), x2=across(x), y1=0, y2=bottom, class_="hair") for x in ticks(0, end, 6)]
    most = int((left - 12) / LETTER)
    for index, (words, start, seconds, shape) in enumerate(rows):
        y = index * _ROW
        x, stop = across(start), across(start + seconds)
        shown = words if len(words) <= most else words[: most - 1] + "…"
        parts += [
            tag("text", shown, x=left - 10, y=y + 14, text_anchor="end", class_="ink"),
            tag(
                "rect",
                tag("title", f"{words}: {duration(seconds)}, after {duration(start)}"),
                x=x,
                y=y + 4,
                width=max(1.5, stop - x),
                height=_ROW - 8,
                class_=shape,
            ),
            tag("text", duration(seconds), x=max(stop, x + 1.5) + 6, y=y + 14),
        ]
    parts += axis_x(across, bottom, ticks(0, end, 6), text=lambda value: f"{figure(value)} s")
    made = picture(width, bottom + 18, title, parts, description=description)
    return tag("div", made, class_="scroll", tabindex=0, role="region", aria_label=title)

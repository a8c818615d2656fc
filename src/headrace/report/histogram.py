"""Histogram: how values are spread, and how that differs from one set of rows to another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from headrace.report.drawing import Scale, axis_x, path, picture, ticks
from headrace.report.figures import figure
from headrace.report.markup import Html, tag

__all__ = ["histogram", "spark"]

Edges = Sequence[float]
Heights = Sequence[float]


def histogram(
    title: str,
    edges: Edges,
    area: Heights,
    overlays: Sequence[tuple[str, str, Heights]] = (),
    *,
    width: float = 330,
    height: float = 104,
    text: Callable[[float], str] = figure,
    marks: Sequence[tuple[float, str]] = (),
    at: Sequence[float] | None = None,
    description: str = "",
) -> Html:
    """Bars of all rows, and outlines of some of them over these, each as shares of its own rows.

    Parameters
    ----------
    title, description : str
        See `picture`.
    edges : sequence of float [num_bins + 1]
        Ascending.
    area : sequence of float [num_bins]
        Shares of rows; what the filled shape shows.
    overlays : sequence of (name, class, shares [num_bins])
        Outlines: "pale", "accent", "second"; the last is on top.
    text : function
        How a value on the axis reads.
    marks : sequence of (value, words)
        Vertical lines with a few words.
    at : sequence of float, optional
        Where the axis has its values; round numbers by default.
    """
    top, bottom = 14.0 if marks else 4.0, height - 18
    across = Scale(edges[0], edges[-1], 4, width - 4)
    highest = max([*area, *(share for _, _, shares in overlays for share in shares), 1e-12])
    up = Scale(0, highest, bottom, top)
    steps = list(itertools.pairwise(edges))
    bars = _bars([(across(low), across(high)) for low, high in steps], [up(share) for share in area], bottom)
    outlines = []
    for name, shape, shares in overlays:
        points = [(across(edges[0]), bottom)]
        for (low, high), share in zip(steps, shares, strict=True):
            points += [(across(low), up(share)), (across(high), up(share))]
        points.append((across(edges[-1]), bottom))
        outlines.append(tag("path", tag("title", name), d=path(points), class_=f"line {shape}"))
    lines = []
    for value, words in marks:
        x = across(value)
        anchor = "start" if x < width / 2 else "end"
        lines.append(tag("line", x1=x, x2=x, y1=top, y2=bottom, class_="line dashed accent"))
        lines.append(tag("text", words, x=x + (3 if anchor == "start" else -3), y=10, text_anchor=anchor))
    values = ticks(edges[0], edges[-1]) if at is None else at
    return picture(
        width,
        height,
        title,
        tag("path", d=bars, class_="area"),
        outlines,
        lines,
        axis_x(across, bottom, values, text=text),
        description=description,
    )


def spark(title: str, area: Heights, *, width: float = 110, height: float = 22) -> Html:
    """The same without axis or words, for a table's cell: bins of equal width."""
    up = Scale(0, max([*area, 1e-12]), height - 1, 1)
    step = width / max(1, len(area))
    places = [(index * step, (index + 1) * step) for index in range(len(area))]
    bars = tag("path", d=_bars(places, [up(share) for share in area], height - 1), class_="area")
    floor = tag("line", x1=0, x2=width, y1=height - 0.5, y2=height - 0.5, class_="hair")
    return picture(width, height, title, floor, bars)


def _bars(places: Sequence[tuple[float, float]], tops: Heights, bottom: float) -> str:
    """All bars as one path: a page of many columns stays small."""
    drawn = []
    for (left, right), top in zip(places, tops, strict=True):
        gap = 0.5 if right - left > 3 else 0.0
        if top < bottom - 0.04:
            drawn.append(f"M{left + gap:.1f} {bottom:.1f}V{min(top, bottom - 0.6):.1f}H{right - gap:.1f}V{bottom:.1f}Z")
    return "".join(drawn)

"""Curves: lines in a frame with two axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.report.drawing import Scale, axis_x, path, picture, ticks
from headrace.report.figures import figure
from headrace.report.markup import Html, tag

__all__ = ["Curve", "curves"]

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Curve:
    """A line: its name, its class ("accent", "second dashed"), its points; dots alone where `is_dots`."""

    name: str
    shape: str
    points: Points
    is_dots: bool = False


def curves(
    title: str,
    drawn: Sequence[Curve],
    *,
    across: tuple[float, float],
    up: tuple[float, float],
    labels: tuple[str, str],
    width: float = 330,
    height: float = 270,
    marks: Sequence[tuple[float, str]] = (),
    description: str = "",
) -> Html:
    """Several curves in one frame.

    Parameters
    ----------
    title, description : str
        See `picture`.
    drawn : sequence of Curve
        The last is on top.
    across, up : (low, high)
        The ranges of the two axes.
    labels : (across, up)
        What they measure.
    marks : sequence of (x, words)
        Vertical lines.
    """
    x = Scale(*across, 38, width - 8)
    y = Scale(*up, height - 34, 20)
    parts: list[Html] = [tag("text", labels[1], x=0, y=10)]
    for value in ticks(*up):
        parts += [
            tag("line", x1=x.start, x2=x.end, y1=y(value), y2=y(value), class_="hair"),
            tag("text", figure(value), x=x.start - 6, y=y(value) + 4, text_anchor="end"),
        ]
    parts += axis_x(x, y.start, ticks(*across))
    parts.append(tag("text", labels[0], x=x.end, y=height - 4, text_anchor="end"))
    for value, words in marks:
        end = x(value) > (x.start + x.end) / 2
        parts += [
            tag("line", x1=x(value), x2=x(value), y1=y.end, y2=y.start, class_="line pale dashed"),
            tag("text", words, x=x(value) + (-4 if end else 4), y=y.end + 10, text_anchor="end" if end else "start"),
        ]
    for curve in drawn:
        at = [(x(a), y(b)) for a, b in curve.points]
        if curve.is_dots:
            fill = curve.shape.split()[0] + "-fill"
            dots = [
                tag("circle", tag("title", f"{curve.name}: {figure(a)}, {figure(b)}"), cx=cx, cy=cy, r=3.2, class_=fill)
                for (a, b), (cx, cy) in zip(curve.points, at, strict=True)
            ]
            parts += dots
        else:
            parts.append(tag("path", tag("title", curve.name), d=path(at), class_=f"line {curve.shape}"))
    return picture(width, height, title, parts, description=description)

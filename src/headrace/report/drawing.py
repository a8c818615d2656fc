"""Drawing: the frame that all charts share: an SVG with a name, a scale, an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headrace.report.figures import figure
from headrace.report.markup import Content, Html, tag

__all__ = ["Scale", "axis_x", "legend", "path", "picture", "ticks"]

LETTER = 6.2  # about how wide a letter of 11 pixels is


@dataclass(frozen=True)
class Scale:
    """Where values lie on a drawing: [low, high] to [start, end], and no further than these."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        if not self.high > self.low:
            return (self.start + self.end) / 2
        # Halved first: the distance of two floats may be more than a float holds.
        place = (value / 2 - self.low / 2) / (self.high / 2 - self.low / 2)
        return self.start + min(1.0, max(0.0, place)) * (self.end - self.start)


def ticks(low: float, high: float, number: int = 4) -> list[float]:
    """Round values (1, 2 or 5 times a power of ten apart) in [low, high], about so many.

    >>> ticks(0.0, 1.0), ticks(-43.0, 137.0, 3)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 50.0, 100.0])
    """
    width = high - low
    if not (1e-300 < width < math.inf):  # below that a step is no normal float
        return [low] if math.isfinite(low) else []
    power = 10.0 ** math.floor(math.log10(width / number))
    step = next((size * power for size in (1, 2, 5, 10) if width / (size * power) <= number + 1), 10 * power)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)) + 1)
    return [round(index * step, digits) if digits < 300 else index * step for index in range(first, last + 1)]


def picture(width: float, height: float, title: str, *content: Content, description: str = "") -> Html:
    """An SVG that says what it shows, to those who see it and to those who hear it.

    Parameters
    ----------
    width, height : float
        In pixels; it is never wider than the page.
    title, description : str
        What it is, and what can be seen in it.
    """
    return tag(
        "svg",
        tag("title", title),
        tag("desc", description) if description else "",
        *content,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=round(width),
        height=round(height),
        role="img",
    )


def path(points: Sequence[tuple[float, float]], *, closed: bool = False) -> str:
    """The `d` of a path through points.

    >>> path([(0.0, 1.0), (2.5, 3.26)])
    'M0 1L2.5 3.3'
    """
    text = "L".join(f"{x:.1f} {y:.1f}" for x, y in points).replace(".0 ", " ").replace(".0L", "L").removesuffix(".0")
    return f"M{text}{'Z' if closed else ''}" if points else ""


def axis_x(
    scale: Scale, y: float, values: Sequence[float], *, text: Callable[[float], str] = figure, line: bool = True
) -> list[Html]:
    """A horizontal axis with values under it; those at the ends stay inside, and none run into another."""
    drawn = [tag("line", x1=scale.start, x2=scale.end, y1=y, y2=y, class_="axis")] if line else []
    taken = -math.inf
    for value in values:
        x, words = scale(value), text(value)
        half = LETTER * len(words) / 2
        left = min(max(x - half, scale.start - 8), scale.end + 8 - 2 * half)
        if left < taken + 6:
            continue
        taken = left + 2 * half
        drawn += [
            tag("line", x1=x, x2=x, y1=y, y2=y + 3, class_="axis"),
            tag("text", words, x=left + half, y=y + 14, text_anchor="middle"),
        ]
    return drawn


def legend(entries: Sequence[tuple[str, str]]) -> Html:
    """What marks stand for.

    Parameters
    ----------
    entries : sequence of (mark, words)
        mark: the class of a line ("accent", "pale dashed"), or "dot accent-fill" or "area" for a filled mark.
    """
    items = []
    for mark, words in entries:
        if mark.startswith("dot "):
            drawn = tag("circle", cx=7, cy=6, r=4, class_=mark.removeprefix("dot "))
        elif mark == "area":
            drawn = tag("rect", x=1, y=2, width=12, height=9, class_="area")
        else:
            drawn = tag("line", x1=0, x2=14, y1=6, y2=6, class_=f"line {mark}", stroke_width=2)
        # Beside its words a mark needs no name of its own.
        items.append(tag("li", tag("svg", drawn, viewBox="0 0 14 12", width=14, height=12, aria_hidden="true"), words))
    return tag("ul", items, class_="legend")

"""Dots: a value on a line with its interval, beside what it is compared with; one to a row of a table."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.report.drawing import Scale, picture
from headrace.report.figures import figure
from headrace.report.markup import Html, tag

__all__ = ["Dot", "dot"]


@dataclass(frozen=True)
class Dot:
    """One row's marks on a common scale.

    Parameters
    ----------
    value : float or None
        The filled dot.
    lower, upper : float or None
        Its interval, a line.
    other : float or None
        The hollow dot: the champion's.
    line : float or None
        A vertical line: the value over all rows.
    limit : float or None
        A dashed vertical line: what is allowed.
    is_bad : bool
        Whether the dot is on the wrong side.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    other: float | None = None
    line: float | None = None
    limit: float | None = None
    is_bad: bool = False


def dot(title: str, mark: Dot, across: tuple[float, float], *, width: float = 170) -> Html:
    """The drawing of one row; `across` (low, high) must be the same in all rows."""
    x = Scale(*across, 6, width - 6)
    parts = [tag("line", x1=0, x2=width, y1=9, y2=9, class_="hair")]
    if mark.line is not None:
        parts.append(tag("line", x1=x(mark.line), x2=x(mark.line), y1=0, y2=18, class_="axis"))
    if mark.limit is not None:
        parts.append(tag("line", x1=x(mark.limit), x2=x(mark.limit), y1=0, y2=18, class_="line dashed is-bad-line"))
    shape = "bad" if mark.is_bad else "accent"
    if mark.lower is not None and mark.upper is not None:
        line = "is-bad-line" if mark.is_bad else "accent"
        parts.append(tag("line", x1=x(mark.lower), x2=x(mark.upper), y1=9, y2=9, class_=f"line {line}"))
    if mark.other is not None:
        parts.append(_mark(x(mark.other), mark.other, across, "hollow", f"champion {figure(mark.other)}"))
    if mark.value is not None:
        parts.append(_mark(x(mark.value), mark.value, across, f"{shape}-fill"))
    return picture(width, 18, title, parts)


def _mark(x: float, value: float, across: tuple[float, float], shape: str, words: str = "") -> Html:
    """A dot; an arrow at the edge for what lies beyond it."""
    hint = tag("title", words) if words else ""
    if across[0] <= value <= across[1]:
        return tag("circle", hint, cx=x, cy=9, r=4, class_=shape)
    step = -7 if value < across[0] else 7
    return tag("path", hint, d=f"M{x:.1f} 9L{x - step:.1f} 4.5V13.5Z", class_=shape)

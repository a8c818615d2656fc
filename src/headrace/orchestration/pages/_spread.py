"""Spread: a column's values in several sets of rows, laid over one another; the drawing that many pages share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from headrace.fold import GroupDistribution
from headrace.report import Html, bars, histogram, tag
from headrace.report.figures import count, figure, moment, plural, share

__all__ = ["Rows", "Spread"]

_NUM_BINS = 32
_UNIT_BINS = 40  # whole numbers within so many of each other get a bin each
_TAIL = 0.005  # a share of the rows that is cut off at either end, where that makes the rest visible
_MOST_BARS = 7
_COMPARED_VALUES = 50
_NUMBERS = ("integer", "number", "boolean", "timestamp")


@dataclass(frozen=True)
class Rows:
    """Some rows of a column: what they are called, how they are drawn ("pale", "accent", "second"), their values."""

    name: str
    shape: str
    found: GroupDistribution


class Spread:
    """One column's values: bins (or values) chosen once, over all rows, and the share of any rows in each.

    Parameters
    ----------
    name : str
        The column.
    whole : GroupDistribution
        Its values over all rows.
    unit : float
        What 1 in them stands for.
    """

    def __init__(self, name: str, whole: GroupDistribution, unit: float = 1.0) -> None:
        self.name, self.whole, self.unit = name, whole, unit
        self.values: list[str] = []
        self.edges: list[float] = []
        if whole.kind == "text":
            self.values = [value for value, _ in whole.top_values(_COMPARED_VALUES)]
        elif whole.kind in _NUMBERS and whole.num_finite:
            self.edges = _edges(whole)

    def shares(self, found: GroupDistribution) -> list[float]:
        """Of these rows' values, the share in each bin, or of each value and last of all others; [] of none."""
        total = found.num_finite
        if not total or not (self.values or self.edges):
            return []
        if self.values:
            # Of sketched text the most frequent of a sample are known; what is not among them is in "others".
            known = dict(found.top_values(found.num_distinct if found.is_exact else 4096))
            parts = [known.get(value, 0) / total for value in self.values]
            return [*parts, max(0.0, 1.0 - math.fsum(parts))]
        return [float(number) / total for number in found.histogram(self.edges)]

    def distance(self, one: GroupDistribution, other: GroupDistribution) -> float | None:
        """How far two sets of rows lie apart: total variation over these bins, nulls counted as one more.

        0 = alike, 1 = nothing in common; None where one has no rows.
        """
        if not one.num_rows or not other.num_rows or not (self.values or self.edges):
            return None
        pairs = zip(self._parts(one), self._parts(other), strict=True)
        return math.fsum(abs(first - second) for first, second in pairs) / 2

    def _parts(self, found: GroupDistribution) -> list[float]:
        """Of all rows, the share in each bin, of nulls, and outside of all bins."""
        present = found.num_finite / found.num_rows
        inside = [present * part for part in self.shares(found)] or [0.0] * self._num_bins
        return [*inside, 1.0 - present, max(0.0, present - math.fsum(inside))]

    @property
    def _num_bins(self) -> int:
        return len(self.values) + 1 if self.values else len(self.edges) - 1

    @property
    def remark(self) -> str:
        """What the drawing does not show, in words; "" where it shows everything."""
        if self.values and not self.whole.is_exact:
            most = self.whole.error_bounds["top_values"].error_bound
            return f"The most frequent of a sample; a value that is not in it has {plural(int(most), 'row')} at most"
        if not self.edges or self.whole.kind == "boolean":
            return ""
        outside = 1.0 - math.fsum(self.shares(self.whole))
        if outside < 1e-9:
            return ""
        low, high = self.text(float(self.whole.min)), self.text(float(self.whole.max))
        return f"{share(outside)} of values lie outside: from {low} to {high}"

    @property
    def text(self) -> Callable[[float], str]:
        """How a value of this column reads."""
        if self.whole.kind != "timestamp":
            return figure if self.unit == 1.0 else lambda value: figure(value * self.unit)
        is_short = bool(self.edges) and self.edges[-1] - self.edges[0] < 2 * 86_400e6
        return moment if is_short else lambda value: moment(value)[:10]

    def draw(self, others: Sequence[Rows] = (), *, width: float = 330, height: float = 104) -> Html:
        """The drawing: all rows filled, the others over them, the last on top."""
        drawn = [item for item in others if item.found.num_finite]
        title = f"{self.name}: how its values are spread"
        if self.whole.kind == "boolean" or self.values:
            return self._draw_values(title, drawn, width)
        if not self.edges:
            is_shown = self.whole.kind in (*_NUMBERS, "text")
            words = "There are no values at all." if is_shown else "Values of this type are not shown."
            return tag("p", words, class_="note")
        overlays = [(item.name, item.shape, self.shares(item.found)) for item in drawn]
        at = None
        if self.whole.kind == "timestamp":
            at = [self.edges[0] + part * (self.edges[-1] - self.edges[0]) for part in (0.0, 0.33, 0.66, 1.0)]
        tallest = self.shares(self.whole)
        low, high = self.text(self.edges[0]), self.text(self.edges[-1])
        middle = self.text(float(self.whole.quantiles([0.5])[0]))
        return histogram(
            title,
            self.edges,
            tallest,
            overlays,
            width=width,
            height=height,
            text=self.text,
            at=at,
            description=f"Values from {low} to {high}, half of them below {middle}.",
        )

    def _draw_values(self, title: str, others: Sequence[Rows], width: float) -> Html:
        names = ["false", "true"] if self.whole.kind == "boolean" else [*self.values]
        shares = self.shares(self.whole)
        if not shares:
            return tag("p", "There are no values at all.", class_="note")
        places = list(range(len(names)))[:_MOST_BARS]
        marked = [(item.name, item.shape, self.shares(item.found)) for item in others]
        rows = [
            (names[place] or "(empty)", shares[place], [(name, shape, part[place]) for name, shape, part in marked])
            for place in places
        ]
        num_left = self.whole.num_distinct - len(places)
        if self.values and num_left > 0:
            num_shown = len(places)
            rest = [(name, shape, max(0.0, 1.0 - math.fsum(part[:num_shown]))) for name, shape, part in marked]
            rows.append((f"{count(num_left)} others", max(0.0, 1.0 - math.fsum(shares[:num_shown])), rest))
        first = f"{rows[0][0]} {share(rows[0][1])}"
        return bars(title, rows, width=width, description=f"Most frequent: {first}." if self.values else "")


def _edges(whole: GroupDistribution) -> list[float]:
    low, high = float(whole.min), float(whole.max)
    if whole.kind == "boolean":
        return [-0.5, 0.5, 1.5]
    if low == high:
        pad = max(0.5, abs(low) * 1e-6)
        return [low - pad, low + pad]
    is_whole = whole.kind == "integer"
    if is_whole and high - low <= _UNIT_BINS:
        return [low - 0.5 + step for step in range(int(high - low) + 2)]
    near = [float(value) for value in whole.quantiles([_TAIL, 1 - _TAIL])]
    if near[0] < near[1] and near[1] / 2 - near[0] / 2 < 0.6 * (high / 2 - low / 2):
        low, high = near
    if is_whole:
        # Bins of unequal numbers of whole values would show a comb that is not in the data.
        low, high = math.floor(low), math.ceil(high)
        step = math.ceil((high - low + 1) / _NUM_BINS)
        return [low - 0.5 + step * index for index in range(math.ceil((high - low + 1) / step) + 1)]
    parts = np.arange(_NUM_BINS + 1) / _NUM_BINS
    edges = low * (1 - parts) + high * parts
    edges[0], edges[-1] = low, high
    return [float(edge) for edge in np.unique(edges)]

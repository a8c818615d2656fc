"""Residuals: what a model that predicts values was off by, and where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from headrace.report import Cell, Column, Content, Curve, Row, curves, histogram, legend, table, tag
from headrace.report.figures import aligned, count, figure, share

__all__ = ["Residuals"]

Floats = npt.NDArray[np.float64]

_FEWEST_ROWS = 20
_MOST_GROUPS = 12
_NUM_BINS = 40
_TAIL = 0.005
_WIDTH, _HEIGHT = 480.0, 290.0


class Residuals:
    """Predictions of values beside what came; made by `of`. Every row counts once, whatever its weight."""

    def __init__(self, label: Floats, prediction: Floats) -> None:
        self._label, self._prediction = label, prediction
        order = np.argsort(prediction, kind="stable")
        # Groups of equal numbers of rows, by what was predicted.
        self._groups = np.array_split(order, min(_MOST_GROUPS, len(order) // 10))

    @classmethod
    def of(cls, predictions: Any) -> Self | None:
        """From an evaluation's table; None where there are too few rows with a finite label and prediction."""
        label, prediction = (np.asarray(predictions[name].to_numpy(), np.float64) for name in ("label", "prediction"))
        kept = np.isfinite(label) & np.isfinite(prediction)
        return cls(label[kept], prediction[kept]) if kept.sum() >= _FEWEST_ROWS else None

    @property
    def note(self) -> str:
        """How to read the drawings."""
        half, most = (figure(float(value)) for value in np.quantile(np.abs(self._prediction - self._label), [0.5, 0.9]))
        off = f"Half of the predictions are off by {half} or less, nine in ten by {most} or less."
        return f"{off} Rows are grouped by what was predicted, as many to a group."

    def draw(self) -> list[Content]:
        """What came beside what was predicted, and how errors are spread."""
        middles = [float(self._prediction[rows].mean()) for rows in self._groups]
        levels = [np.quantile(self._label[rows], [0.1, 0.5, 0.9]) for rows in self._groups]
        low = min([*middles, *(float(level[0]) for level in levels)])
        high = max([*middles, *(float(level[2]) for level in levels)])
        drawn = [
            Curve("predictions that came true", "pale dashed", [(low, low), (high, high)]),
            Curve("one in ten came below", "second dashed", _points(middles, levels, 0)),
            Curve("one in ten came above", "second dashed", _points(middles, levels, 2)),
            Curve("half came below", "accent", _points(middles, levels, 1)),
            Curve("half came below", "accent", _points(middles, levels, 1), is_dots=True),
        ]
        title, whole = "What came beside what was predicted", (low, high)
        labels = ("predicted", "came")
        picture = curves(title, drawn, across=whole, up=whole, labels=labels, width=_WIDTH, height=_HEIGHT)
        marks = [("accent", "median of what came"), ("second dashed", "all but a tenth above, and a tenth below")]
        figures = [
            tag("figure", tag("figcaption", title), picture, legend(marks)),
            tag("figure", tag("figcaption", "Errors: predicted less what came"), self._spread()),
        ]
        return [tag("div", figures, class_="grid pairs"), self._table(middles)]

    def _spread(self) -> Content:
        errors = self._prediction - self._label
        low, high = np.quantile(errors, [_TAIL, 1 - _TAIL])
        if not low < high:
            return tag("p", f"Every prediction is off by {figure(float(errors[0]))}.", class_="note")
        edges = np.linspace(low, high, _NUM_BINS + 1)
        shares = (np.histogram(errors, edges)[0] / len(errors)).tolist()
        outside = 1.0 - sum(shares)
        note = f"{share(outside)} lie outside: from {figure(float(errors.min()))} to {figure(float(errors.max()))}."
        drawn = histogram("Errors", edges.tolist(), shares, width=_WIDTH, height=_HEIGHT - 30)
        return [drawn, tag("p", note, class_="note") if outside > 1e-9 else ""]

    def _table(self, middles: Sequence[float]) -> Content:
        came = [float(self._label[rows].mean()) for rows in self._groups]
        off = [float(np.abs(self._prediction[rows] - self._label[rows]).mean()) for rows in self._groups]
        texts = [aligned(values) for values in (middles, came, off)]
        rows: list[Row] = []
        for place, group in enumerate(self._groups):
            cells = [Cell(text[place], value[place]) for text, value in zip(texts, (middles, came, off), strict=True)]
            rows.append([f"group {place + 1}", Cell(count(len(group)), len(group)), *cells])
        heads = ("Rows", "Mean predicted", "Mean that came", "Mean absolute error")
        columns = [Column("Group"), *(Column(head, "num") for head in heads)]
        return table("By what was predicted", columns, rows)


def _points(middles: Sequence[float], levels: Sequence[Floats], at: int) -> list[tuple[float, float]]:
    return [(middle, float(level[at])) for middle, level in zip(middles, levels, strict=True)]

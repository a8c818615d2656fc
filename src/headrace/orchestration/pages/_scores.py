"""Scores: the curves behind the metrics of a two-class prediction: ROC, precision and recall, calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from headrace.evaluation import Ranked
from headrace.report import Cell, Column, Content, Curve, Html, Row, curves, explorer, histogram, legend, table, tag
from headrace.report.figures import NOTHING, aligned, figure, share

__all__ = ["Scores", "roc"]

Floats = npt.NDArray[np.float64]

_MOST_POINTS = 160
_MOST_THRESHOLDS = 400
_NUM_BINS = 10
_LEAST_SHARE = 0.01
_WIDTH, _HEIGHT = 480.0, 290.0
_THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def roc(ranked: Ranked) -> list[tuple[float, float]]:
    """(false positive rate, true positive rate)."""
    x = np.append(0.0, ranked.false_positive / ranked.num_negative)
    y = np.append(0.0, ranked.true_positive / ranked.num_positive)
    return _thinned(x, y)


def _precision_recall(ranked: Ranked) -> list[tuple[float, float]]:
    """(recall, precision)."""
    recall = ranked.true_positive / ranked.num_positive
    precision = ranked.true_positive / (ranked.true_positive + ranked.false_positive)
    return _thinned(recall, precision)


def _gain(ranked: Ranked) -> list[tuple[float, float]]:
    """(share of the rows, the highest scores first; share of the positive rows among them)."""
    said = (ranked.true_positive + ranked.false_positive) / (ranked.num_positive + ranked.num_negative)
    return _thinned(np.append(0.0, said), np.append(0.0, ranked.true_positive / ranked.num_positive))


def _points(ranked: Ranked) -> list[tuple[float, float, float]]:
    """(threshold, positive and other rows at or above it as shares of all), thresholds ascending."""
    total = ranked.num_positive + ranked.num_negative
    places = np.unique(np.linspace(0, len(ranked.scores) - 1, _MOST_THRESHOLDS).astype(np.int64))[::-1]
    yes, no = ranked.true_positive[places] / total, ranked.false_positive[places] / total
    return list(zip(ranked.scores[places].tolist(), yes.tolist(), no.tolist(), strict=True))


def _thinned(x: Floats, y: Floats) -> list[tuple[float, float]]:
    """So few points that a page stays small, spread evenly along the curve."""
    if len(x) > _MOST_POINTS:
        along = np.append(0.0, np.cumsum(np.hypot(np.diff(x), np.diff(y))))
        wanted = np.linspace(0.0, along[-1], _MOST_POINTS)
        kept = np.unique(np.append(np.searchsorted(along, wanted).clip(0, len(x) - 1), [0, len(x) - 1]))
        x, y = x[kept], y[kept]
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _framed(title: str, drawn: Sequence[Curve], labels: tuple[str, str]) -> Html:
    whole = (0.0, 1.0)
    return curves(title, drawn, across=whole, up=whole, labels=labels, width=_WIDTH, height=_HEIGHT)


class Scores:
    """The predictions of a two-class model, and the champion's; made by `of`."""

    def __init__(self, label: Floats, weight: Floats, models: dict[str, Floats]) -> None:
        self._label, self._weight, self._models = label, weight, models
        self._ranked = {name: Ranked.of(label, score, weight) for name, score in models.items()}

    @classmethod
    def of(cls, predictions: Any) -> Self | None:
        """From an evaluation's table; None where there are no two classes, or predictions are no probabilities."""
        arrays = {name: np.asarray(predictions[name].to_numpy(), np.float64) for name in ("label", "prediction")}
        weight = np.ones(len(arrays["label"]))
        if "weight" in predictions.column_names:
            weight = np.nan_to_num(np.asarray(predictions["weight"].to_numpy(), np.float64))
        models = {"this model": arrays["prediction"]}
        if "champion" in predictions.column_names:
            models["champion"] = np.asarray(predictions["champion"].to_numpy(), np.float64)
        label = arrays["label"]
        if not np.isin(label, (0.0, 1.0)).all() or not all(((x >= 0) & (x <= 1)).all() for x in models.values()):
            return None
        if not (weight * label).sum() or not (weight * (1 - label)).sum():
            return None
        return cls(label, weight, models)

    @property
    def rate(self) -> float:
        """The share of positive rows."""
        return float((self._label * self._weight).sum() / self._weight.sum())

    @property
    def note(self) -> str:
        """How to read the drawings."""
        return (
            f"{share(self.rate)} of the rows are positive. Each point of the first two is one threshold; in the third "
            "a tenth of the rows is a dot, on the diagonal when predictions mean what they say."
        )

    def draw(self) -> list[Content]:
        """The drawings."""
        shapes = {"this model": "accent", "champion": "second dashed"}
        entries = [(shapes[name], name) for name in self._models]
        order = list(reversed(self._models))
        diagonal = Curve("what chance would do", "pale dashed", [(0.0, 0.0), (1.0, 1.0)])
        base = Curve("precision of saying yes to every row", "pale dashed", [(0.0, self.rate), (1.0, self.rate)])
        told = [diagonal, *(Curve(name, shapes[name], roc(self._ranked[name])) for name in order)]
        both = [base, *(Curve(name, shapes[name], _precision_recall(self._ranked[name])) for name in order)]
        calibrated = [Curve("predictions that mean what they say", "pale dashed", [(0.0, 0.0), (1.0, 1.0)])]
        calibrated += [Curve(name, shapes[name], self._calibration(name)) for name in order]
        calibrated.append(Curve("this model", "accent", self._calibration("this model"), is_dots=True))
        gained = [diagonal, *(Curve(name, shapes[name], _gain(self._ranked[name])) for name in order)]
        figures = [
            _framed("ROC curve", told, ("false positive rate", "true positive rate")),
            _framed("Precision and recall", both, ("recall", "precision")),
            _framed("Calibration", calibrated, ("predicted", "share that is positive")),
            self._spread(),
            _framed("Cumulative gain", gained, ("share of rows, highest first", "share of positive rows")),
            self._lift([(name, shapes[name]) for name in order]),
        ]
        titles = ("ROC curve", "Precision and recall", "Calibration", "Predictions by class", "Cumulative gain", "Lift")
        captions = [tag("figcaption", title) for title in titles]
        drawn = [tag("figure", caption, figure_) for caption, figure_ in zip(captions, figures, strict=True)]
        # The classes have a legend of their own: the colours mean something else there.
        drawn[3] = tag(
            "figure", captions[3], figures[3], legend([("accent", "positive rows"), ("second", "negative rows")])
        )
        return [legend(entries), tag("div", drawn, class_="grid pairs")]

    def _calibration(self, name: str) -> list[tuple[float, float]]:
        score = self._models[name]
        order = np.argsort(score, kind="stable")
        points = []
        for part in np.array_split(order, min(_NUM_BINS, len(order))):
            weight = self._weight[part]
            if weight.sum() > 0:
                shares = [float((values[part] * weight).sum() / weight.sum()) for values in (score, self._label)]
                points.append((shares[0], shares[1]))
        return points

    def _lift(self, order: Sequence[tuple[str, str]]) -> Html:
        drawn = [Curve("what chance would do", "pale dashed", [(0.0, 1.0), (1.0, 1.0)])]
        for name, shape in order:
            # Of the first few rows it jumps about.
            points = [(said, found / said) for said, found in _gain(self._ranked[name]) if said >= _LEAST_SHARE]
            drawn.append(Curve(name, shape, points))
        highest = max(y for curve in drawn for _, y in curve.points)
        labels = ("share of rows, highest first", "times the share of positive rows in all")
        return curves(
            "Lift", drawn, across=(0.0, 1.0), up=(0.0, 1.05 * highest), labels=labels, width=_WIDTH, height=_HEIGHT
        )

    def _spread(self) -> Html:
        edges = np.linspace(0.0, 1.0, 41)
        score = self._models["this model"]
        shares = []
        for of_class in (1.0, 0.0):
            weight = self._weight * (self._label == of_class)
            shares.append((np.histogram(score, edges, weights=weight)[0] / weight.sum()).tolist())
        overlays = [("negative rows", "second", shares[1]), ("positive rows", "accent", shares[0])]
        return histogram("Predictions by class", edges.tolist(), [0.0] * 40, overlays, width=_WIDTH, height=_HEIGHT)

    def thresholds(self) -> Html:
        """What deciding at some thresholds would mean: the curves in figures, and one to choose by what errors cost."""
        ranked = self._ranked["this model"]
        total = ranked.num_positive + ranked.num_negative
        columns = [Column("At or above"), Column("Rows said yes to", "num"), Column("Precision", "num")]
        columns += [Column("Lift", "num"), Column("Recall", "num"), Column("False positive rate", "num")]
        found = []
        for threshold in _THRESHOLDS:
            true, false = ranked.at(threshold)
            said = true + false
            precision = true / said if said else math.nan
            recall, false_rate = true / ranked.num_positive, false / ranked.num_negative
            found.append(((said / total), precision, precision / self.rate, recall, false_rate))
        texts = [aligned(values, 3) for values in zip(*found, strict=True)]
        rows: list[Row] = []
        for index, threshold in enumerate(_THRESHOLDS):
            said, *others = found[index]
            row: list[Content | Cell] = [Cell(figure(threshold), threshold), Cell(share(said), said)]
            row += [
                Cell(NOTHING, None) if math.isnan(value) else Cell(texts[place][index], value)
                for place, value in enumerate(others, 1)
            ]
            rows.append(row)
        few = table("This model at a few thresholds", columns, rows)
        return explorer(_points(ranked), ranked.num_positive / total, few)

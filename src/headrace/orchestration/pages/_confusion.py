"""Which classes are taken for which: the confusion matrix, and each class's precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from headrace.model.answers import read_column
from headrace.report import Cell, Column, Content, Html, Row, name, table, tag
from headrace.report.figures import figure, share

__all__ = ["Confusion", "by_label"]

Floats = npt.NDArray[np.float64]

_MOST_SHOWN = 20  # classes of which the whole matrix is shown
_MOST_PAIRS = 20


def by_label(predictions: Any, classes: Sequence[str | int]) -> Html | None:
    """Of each label that rows may have how often they do and are called it, and how often rightly.

    From an evaluation's table; None where no row has an answer.
    """
    label, answers, weight, kept = _told(predictions)
    if not weight[kept].sum() > 0.0:
        return None
    has, called, weight = label[kept] > 0.0, answers[kept] >= 0.5, weight[kept]
    found = [weight @ one for one in (has, called, has & called)]
    return _of_each("label", [str(one) for one in classes], *found)


def _told(predictions: Any) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
    """Labels, predictions, weights, and which rows have a prediction."""
    label, answers = (np.asarray(read_column(predictions[one]), np.float64) for one in ("label", "prediction"))
    weight = np.ones(len(label))
    if "weight" in predictions.column_names:
        weight = np.nan_to_num(np.asarray(predictions["weight"].to_numpy(), np.float64))
    return label, answers, weight, np.asarray(~np.isnan(answers).any(axis=1), np.bool_)


def _of_each(what: str, names: Sequence[str], labelled: Floats, called: Floats, right: Floats) -> Html:
    """A row for each: how many have it and are called it, precision, recall and F1."""
    rows: list[Row] = []
    for one, has, says, both in zip(names, labelled, called, right, strict=True):
        shares = [both / whole if whole else float("nan") for whole in (says, has)]
        shares.append(2.0 * both / (has + says) if has + says else float("nan"))
        figures = [Cell(figure(value), value) for value in (has, says, *shares)]
        rows.append([name(one), *figures])
    heads = [Column(what.title()), *(Column(text, "num") for text in ("Rows", "Called", "Precision", "Recall", "F1"))]
    return table(f"By {what}", heads, rows)


class Confusion:
    """The rows of an evaluation by their class and the class they are called.

    Parameters
    ----------
    weights : float64[num_classes + 1, num_classes]
        By label (the last: any value that is no class) and by the class called; rows where they have no weights.
    classes : sequence of str or of int
        What they are.
    """

    def __init__(self, weights: Floats, classes: Sequence[str | int]) -> None:
        self._weights, self._classes = weights, [str(one) for one in classes]

    @classmethod
    def of(cls, predictions: Any, classes: Sequence[str | int]) -> Self | None:
        """From an evaluation's table; None where no row has an answer."""
        label, answers, weight, kept = _told(predictions)
        if not weight[kept].sum() > 0.0:
            return None
        cells = label[kept].astype(np.int64) * len(classes) + answers[kept].argmax(axis=1)
        found = np.bincount(cells, weights=weight[kept], minlength=(len(classes) + 1) * len(classes))
        return cls(found.reshape(len(classes) + 1, len(classes)).astype(np.float64), classes)

    @property
    def note(self) -> str:
        """How to read it."""
        wrong = 1.0 - float(np.trace(self._weights[:-1])) / float(self._weights.sum())
        return f"A row is called its likeliest class; {share(wrong)} of the rows are called another than theirs."

    def draw(self) -> list[Content]:
        """The classes, then the matrix, or of many classes what is confused most."""
        return [self._by_class(), self._matrix() if len(self._classes) <= _MOST_SHOWN else self._pairs()]

    def _by_class(self) -> Html:
        size = len(self._classes)
        labelled, called = self._weights.sum(axis=1)[:size], self._weights.sum(axis=0)
        return _of_each("class", self._classes, labelled, called, self._weights.diagonal())

    def _matrix(self) -> Html:
        labels = [*self._classes, *(["any other"] if self._weights[-1].any() else [])]
        rows: list[Row] = []
        for place, one in enumerate(labels):
            cells: list[Content | Cell] = [name(one)]
            for called, value in enumerate(self._weights[place].tolist()):
                shown: Content = figure(value) if value else "·"
                cells.append(Cell(tag("strong", shown) if called == place else shown, value))
            rows.append(cells)
        heads = [Column("Class \\ called"), *(Column(one, "num") for one in self._classes)]
        return table("Confusion matrix: rows by their class and by what they are called", heads, rows)

    def _pairs(self) -> Html:
        weights = self._weights[:-1] - np.diag(np.diag(self._weights[:-1]))
        order = np.argsort(-weights, axis=None, kind="stable")[:_MOST_PAIRS]
        rows: list[Row] = []
        for place in order.tolist():
            label, called = divmod(place, len(self._classes))
            value = float(weights[label, called])
            if value:
                whole = float(self._weights[label].sum())
                of_class = Cell(share(value / whole), value / whole)
                rows.append(
                    [name(self._classes[label]), name(self._classes[called]), Cell(figure(value), value), of_class]
                )
        heads = [Column("Class"), Column("Taken for"), Column("Rows", "num"), Column("Of the class", "num")]
        return table("What is confused most", heads, rows)

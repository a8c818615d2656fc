"""Features that alone tell the label: most often they were written down after it, or are it under another name."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.dataset import Dataset
from headrace.training._contract import Features

__all__ = ["Leak", "find_leaks", "peeked"]

_MOST_ROWS = 16_384
_MOST_CELLS = 4_000_000
_FEWEST = 100  # rows of each label; fewer lie apart in one measure though nothing leaks, as irises do
_ROWS_A_CODE = 10  # a code for nearly each row tells every label
_EXACT = 0.999
_EXACT_LINE = 0.99999


@dataclass(frozen=True)
class Leak:
    """A feature that is too good to be true.

    Parameters
    ----------
    feature : str
        Its name; of a vector with the place: "words[3]".
    measure : str
        "roc_auc" of the feature alone as a score, "r_squared" of a straight line, or the same of its being null.
    value : float
        Of the rows looked at.
    num_rows : int
        How many those were.

    >>> str(Leak("arr_delay", "roc_auc", 0.9996, 16384))
    "feature 'arr_delay' alone tells the label: roc_auc 0.9996 on 16,384 rows; is it known before the label is?"
    """

    feature: str
    measure: str
    value: float
    num_rows: int

    def __str__(self) -> str:
        return (
            f"feature {self.feature!r} alone tells the label: {self.measure} {self.value:.4f}"
            f" on {self.num_rows:,} rows; is it known before the label is?"
        )


def find_leaks(features: Features) -> list[Leak]:
    """The features of which one alone tells the label in (nearly) all rows, in the order of the matrix.

    A binary label: the feature orders the rows as the label does, up or down, with an area under the curve of 0.999 (a
    null below every value, or alone against all values). A categorical feature's codes are ordered by their label's
    mean first, where there are ten rows a code on average. Any other label: a straight line explains 0.99999 of its
    variance.

    Rows are every n-th one, at most 16,384 (fewer where features are many); with fewer than 100 of each label nothing
    is said. Features fitted to the label are looked at as a trainer sees them, a row's own part left out.
    Cost: a sort of each column.
    """
    width = features.matrix.shape[1]
    wanted = max(1000, min(_MOST_ROWS, _MOST_CELLS // max(1, width)))
    step = max(1, -(-features.num_rows // wanted))
    label, matrix = features.label[::step], features.matrix[::step]
    is_binary = bool(np.isin(features.label, (0.0, 1.0)).all())
    if is_binary and min(label.sum(), len(label) - label.sum()) < _FEWEST:
        return []
    if not is_binary and len(label) < 2 * _FEWEST:
        return []
    found: list[Leak] = []
    first = 0
    for column in features.columns:
        for place in range(column.width):
            values = matrix[:, first + place].astype(np.float64)
            name = f"{column.name}[{place}]" if column.kind == "vector" else column.name
            judged = _binary(values, label, column.kind == "categorical") if is_binary else _line(values, label)
            if judged is not None:
                found.append(Leak(name, *judged, len(label)))
        first += column.width
    return found


def peeked(graph: Any, dataset: Dataset) -> list[str]:
    """What a transform saw that it should not have: the rows of other splits than `train` of these spans.

    It is told by the span's name and number of rows, for a transform that was fitted in this process to data without
    splits. Cost: no row is read.
    """
    fitted: dict[str, int] = getattr(graph, "fitted_whole", {})
    held_out = [str(name) for name in dataset.split_names if name not in (None, "train")]
    rows: Counter[str] = Counter()
    for part in dataset.parts() if held_out else ():
        rows[part.span] += dataset.expected_rows(part) or 0
    return [
        f"the transform was fitted on all {number:,} rows of span {span!r}, of which those of"
        f" {' and '.join(map(repr, held_out))} are held out; fit it on this data set: hr.transform(features, dataset)"
        for span, number in rows.items()
        if number and fitted.get(span) == number
    ]


def _binary(
    values: npt.NDArray[np.float64], label: npt.NDArray[np.float64], is_categorical: bool
) -> tuple[str, float] | None:
    if is_categorical:
        codes, inverse = np.unique(values, return_inverse=True)  # NaN is one of them
        if len(codes) * _ROWS_A_CODE > len(values):
            return None
        values = (np.bincount(inverse, label) / np.bincount(inverse))[inverse]
    missing = np.isnan(values)
    for name, scores in (
        ("roc_auc", np.where(missing, -math.inf, values)),
        ("roc_auc of its being null", missing * 1.0),
    ):
        area = _area(scores, label)
        if max(area, 1.0 - area) >= _EXACT:
            return name, max(area, 1.0 - area)
    return None


def _area(scores: npt.NDArray[np.float64], label: npt.NDArray[np.float64]) -> float:
    """The share of pairs of a positive and a negative row that the score orders; a tie counts half."""
    distinct, inverse = np.unique(scores, return_inverse=True)
    positive = np.bincount(inverse, label, len(distinct))
    negative = np.bincount(inverse, 1.0 - label, len(distinct))
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2.0)).sum() / (positive.sum() * negative.sum()))


def _line(values: npt.NDArray[np.float64], label: npt.NDArray[np.float64]) -> tuple[str, float] | None:
    known = np.isfinite(values) & np.isfinite(label)
    if known.sum() < 2 * _FEWEST or known.mean() < 0.5:
        return None
    x, y = values[known] - values[known].mean(), label[known] - label[known].mean()
    size = float((x * x).sum() * (y * y).sum())
    if not 0.0 < size < math.inf:
        return None
    share = float((x * y).sum()) ** 2 / size
    return ("r_squared", share) if share >= _EXACT_LINE else None

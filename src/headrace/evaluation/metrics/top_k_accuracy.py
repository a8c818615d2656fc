"""Top-k accuracy: how often the right class is among the k likeliest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput, Misuse
from headrace.evaluation._contract import SumMetric
from headrace.fold.sums import Sums, SumsResult

__all__ = ["TopKAccuracy"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TopKAccuracy(SumMetric):
    """The share of rows whose class is among the k that are given the highest probability.

    Use it where several answers are shown. Of equal probabilities the later class counts as higher, as in scikit-learn;
    with k as large as the number of classes it is 1 for every label that is a class.

    Parameters
    ----------
    k : int
        At least 1.

    Raises InvalidInput for a k below 1. Source: scikit-learn's `top_k_accuracy_score`.

    >>> TopKAccuracy(k=3).k
    3
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    has_classes: ClassVar[bool] = True
    has_numbers: ClassVar[bool] = False

    k: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        given: Any = self.k
        if not isinstance(given, int) or isinstance(given, bool) or given < 1:
            raise InvalidInput(f"k = {given!r}", where="top_k_accuracy", expected="a whole number from 1 on")

    def needs(self, label: str, prediction: str) -> Sums:
        """Raises Misuse: it judges several classes."""
        raise Misuse(f"metric {self.name!r} judges several classes, not one number a row")

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """Nothing: it judges several classes."""
        return []

    def class_terms(self, label: Floats, prediction: Floats) -> list[npt.NDArray[np.bool_]]:
        """Which rows are right."""
        num_classes = prediction.shape[1]
        place = np.minimum(label.astype(np.int64), num_classes - 1)
        own = prediction[np.arange(len(label)), place][:, None]
        is_later = np.arange(num_classes)[None, :] > place[:, None]
        above = ((prediction > own) | ((prediction == own) & is_later)).sum(axis=1)
        return [(above < self.k) & (label < num_classes)]

    def value(self, result: SumsResult) -> Floats:
        """Right rows among all rows."""
        return result.means[0]

"""Accuracy: how many rows are decided rightly."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Accuracy"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Accuracy(SumMetric):
    """The share of rows on the right side of the threshold.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: scikit-learn's `accuracy_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.threshold):
            raise InvalidInput(f"threshold = {self.threshold}", where="accuracy", expected="a finite number")

    def terms(self, label: Floats, prediction: Floats) -> list[npt.NDArray[np.bool_]]:
        """One array: which rows are right."""
        return [(prediction >= self.threshold) == (label == 1.0)]

    def value(self, result: SumsResult) -> Floats:
        """Right rows among all rows."""
        (right,) = result.totals
        return ratio(right, result.weight)

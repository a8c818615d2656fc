"""Accuracy: how many rows are decided rightly."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Accuracy"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Accuracy(ThresholdMetric):
    """The share of rows on the right side of the threshold.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: scikit-learn's `accuracy_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, result: SumsResult) -> Floats:
        """Right rows among all rows."""
        tp, _, _, tn = self.confusion(result)
        return ratio(tp + tn, result.weight)

"""Markedness: how far both decisions can be trusted, beyond chance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Markedness"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Markedness(ThresholdMetric):
    """Precision + negative predictive value - 1: 0 is what chance gives, 1 is perfect.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Powers, "Evaluation: from precision, recall and F-measure to ROC, informedness, markedness and
    correlation" (2011).
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    undefined: ClassVar[str] = "all predictions are on one side of the threshold"

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, fn, tn = self.confusion(result)
        return ratio(tp, tp + fp) + ratio(tn, tn + fn) - 1.0

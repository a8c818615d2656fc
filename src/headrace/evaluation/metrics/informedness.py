"""Informedness: recall and specificity together, beyond chance."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Informedness"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Informedness(ThresholdMetric):
    """Recall + specificity - 1, the J of Youden: 0 is what chance gives, 1 is perfect.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Youden, "Index for rating diagnostic tests" (1950).
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    undefined: ClassVar[str] = "all labels are the same"

    def support(self, result: SumsResult) -> Floats:
        """The rows of the rarer class."""
        return np.minimum(result.positive, result.weight - result.positive)

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, fn, tn = self.confusion(result)
        return ratio(tp, tp + fn) + ratio(tn, tn + fp) - 1.0

"""The geometric mean of recall and specificity: both classes must be found."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["GeometricMean"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class GeometricMean(ThresholdMetric):
    """The root of recall times specificity: 0 where one class is never found, however rare it is.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Kubat and Matwin, "Addressing the curse of imbalanced training sets" (1997).
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "all labels are the same"

    def support(self, result: SumsResult) -> Floats:
        """The rows of the rarer class."""
        return np.minimum(result.positive, result.weight - result.positive)

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, fn, tn = self.confusion(result)
        return np.sqrt(ratio(tp, tp + fn) * ratio(tn, tn + fp))

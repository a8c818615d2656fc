"""Balanced accuracy: the mean of what is decided rightly in each class."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["BalancedAccuracy"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BalancedAccuracy(ThresholdMetric):
    """The mean of recall and specificity: each class counts the same, however rare; always saying one class gives 0.5.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Brodersen et al., "The balanced accuracy and its posterior distribution" (2010); scikit-learn's
    `balanced_accuracy_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "all labels are the same"

    def support(self, result: SumsResult) -> Floats:
        """The rows of the rarer class."""
        return np.minimum(result.positive, result.weight - result.positive)

    def value(self, result: SumsResult) -> Floats:
        """Half the share found of the positive rows, half that of the negative ones."""
        tp, fp, fn, tn = self.confusion(result)
        return 0.5 * (ratio(tp, tp + fn) + ratio(tn, tn + fp))

"""The positive likelihood ratio: how much a positive decision raises the odds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["PositiveLikelihoodRatio"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PositiveLikelihoodRatio(ThresholdMetric):
    """Recall / false positive rate: 1 says nothing, 10 a lot; NaN where no negative row is called positive.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: scikit-learn's `class_likelihood_ratios`.
    """

    higher_is_better: ClassVar[bool] = True
    undefined: ClassVar[str] = "no negative row is called positive, or a class is missing"

    def influence(self, label: Floats, prediction: Floats, groups: npt.NDArray[np.int32], result: SumsResult) -> None:
        """None: a ratio of ratios of few rows is far from a straight line, and is drawn again instead."""

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, fn, tn = self.confusion(result)
        return ratio(ratio(tp, tp + fn), ratio(fp, fp + tn))

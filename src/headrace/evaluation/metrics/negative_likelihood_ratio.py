"""The negative likelihood ratio: how much a negative decision lowers the odds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["NegativeLikelihoodRatio"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class NegativeLikelihoodRatio(ThresholdMetric):
    """False negative rate / specificity: 1 says nothing, 0.1 a lot; NaN where no negative row is called negative.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: scikit-learn's `class_likelihood_ratios`.
    """

    higher_is_better: ClassVar[bool] = False
    undefined: ClassVar[str] = "no negative row is called negative, or a class is missing"

    def influence(self, label: Floats, prediction: Floats, groups: npt.NDArray[np.int32], result: SumsResult) -> None:
        """None: a ratio of ratios of few rows is far from a straight line, and is drawn again instead."""

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, fn, tn = self.confusion(result)
        return ratio(ratio(fn, tp + fn), ratio(tn, fp + tn))

"""The coefficient of discrimination: how far apart the mean predictions of the two classes are."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["CoefficientOfDiscrimination"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CoefficientOfDiscrimination(SumMetric):
    """The mean prediction of positive rows, less that of negative ones; 0 tells nothing apart, 1 is perfect.

    Source: Tjur, "Coefficients of determination in logistic regression models" (2009); TensorFlow Model Analysis.
    """

    higher_is_better: ClassVar[bool] = True
    undefined: ClassVar[str] = "all labels are the same"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The prediction, and that of positive rows."""
        return [prediction, prediction * label]

    def support(self, result: SumsResult) -> Floats:
        """The rows of the rarer class."""
        return np.minimum(result.positive, result.weight - result.positive)

    def value(self, result: SumsResult) -> Floats:
        """The difference of the means."""
        every, positive = result.totals
        return ratio(positive, result.positive) - ratio(every - positive, result.weight - result.positive)

"""Root mean squared logarithmic error: how far off predictions are by ratio, in logarithms."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["RootMeanSquaredLogError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RootMeanSquaredLogError(SumMetric):
    """The root of the weighted mean of (log(1 + label) - log(1 + prediction))^2; 0.1 is about a tenth off.

    Labels and predictions below 0 have none: their group is NaN.

    Source: scikit-learn's `root_mean_squared_log_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared difference of logarithms; NaN below 0."""
        with np.errstate(all="ignore"):
            apart = np.log1p(label) - np.log1p(prediction)
            return [np.where((label >= 0.0) & (prediction >= 0.0), np.square(apart), np.nan)]

    def value(self, result: SumsResult) -> Floats:
        """The root of the weighted mean."""
        with np.errstate(invalid="ignore"):
            return np.sqrt(result.means[0])

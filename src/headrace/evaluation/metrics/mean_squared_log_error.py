"""Mean squared logarithmic error: how far off predictions are by ratio."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanSquaredLogError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanSquaredLogError(SumMetric):
    """The weighted mean of (log(1 + label) - log(1 + prediction))^2: the same ratio costs the same, large or small.

    Labels and predictions below 0 have none: their group is NaN.

    Source: scikit-learn's `mean_squared_log_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared difference of logarithms; NaN below 0."""
        with np.errstate(all="ignore"):
            apart = np.log1p(label) - np.log1p(prediction)
            return [np.where((label >= 0.0) & (prediction >= 0.0), np.square(apart), np.nan)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

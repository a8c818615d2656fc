"""Mean gamma deviance: how far predicted amounts are from amounts, by ratio."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanGammaDeviance"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanGammaDeviance(SumMetric):
    """The weighted mean of 2 (log(p / y) + y / p - 1): for amounts, whose spread is a share of them.

    Labels and predictions above 0: others make the group NaN.

    Source: scikit-learn's `mean_gamma_deviance`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The deviance of each row."""
        with np.errstate(all="ignore"):
            told = 2.0 * (np.log(prediction / label) + label / prediction - 1.0)
            return [np.where((label > 0.0) & (prediction > 0.0), told, np.nan)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

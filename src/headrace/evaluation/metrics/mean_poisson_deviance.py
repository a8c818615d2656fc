"""Mean Poisson deviance: how far predicted counts are from counts."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanPoissonDeviance"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanPoissonDeviance(SumMetric):
    """The weighted mean of 2 (y log(y / p) - y + p): for counts, whose spread grows as they do.

    Labels from 0 on, predictions above 0: others make the group NaN.

    Source: scikit-learn's `mean_poisson_deviance`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The deviance of each row."""
        with np.errstate(all="ignore"):
            told = 2.0 * (np.where(label > 0.0, label * np.log(label / prediction), 0.0) - label + prediction)
            return [np.where((label >= 0.0) & (prediction > 0.0), told, np.nan)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

"""Mean squared error: how far predictions are from what happened, far misses counting most."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanSquaredError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanSquaredError(SumMetric):
    """The weighted mean of (label - prediction)^2, in the label's unit squared.

    Source: scikit-learn's `mean_squared_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared distance."""
        with np.errstate(all="ignore"):
            return [np.square(label - prediction)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

"""Mean bias: how far predictions are above the labels on the whole."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanBias"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanBias(SumMetric):
    """The weighted mean of prediction minus label, in the label's unit; 0 is none.

    Neither way is up: rules hold it between two numbers.

    Source: Hyndman and Koehler, "Another look at measures of forecast accuracy" (2006).
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """Prediction minus label of each row."""
        return [prediction - label]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

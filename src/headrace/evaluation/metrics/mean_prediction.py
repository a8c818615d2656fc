"""The mean prediction: what is predicted on the whole."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanPrediction"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanPrediction(SumMetric):
    """The weighted mean of the predictions. Neither way is up: rules hold it between two numbers.

    Source: TensorFlow Model Analysis, `MeanPrediction`.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The prediction."""
        return [prediction]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

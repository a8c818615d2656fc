"""The mean label: what happened on the whole."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["MeanLabel"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanLabel(SumMetric):
    """The weighted mean of the labels, whatever was predicted. Neither way is up: rules hold it between two numbers.

    Source: TensorFlow Model Analysis, `MeanLabel`.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """Nothing more: the labels are summed for every metric."""
        return []

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return ratio(result.positive, result.weight)

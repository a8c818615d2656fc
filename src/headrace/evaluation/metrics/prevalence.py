"""Prevalence: how many rows are positive."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Prevalence"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Prevalence(SumMetric):
    """The share of positive rows, whatever was predicted. Neither way is up: rules hold it between two numbers.

    Source: TensorFlow Model Analysis, `Prevalence`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """Nothing more: the labels are summed for every metric."""
        return []

    def value(self, result: SumsResult) -> Floats:
        """Positive rows among all."""
        return ratio(result.positive, result.weight)

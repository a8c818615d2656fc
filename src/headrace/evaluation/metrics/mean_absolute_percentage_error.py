"""Mean absolute percentage error: how far off predictions are, as a share of the label."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanAbsolutePercentageError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanAbsolutePercentageError(SumMetric):
    """The weighted mean of |label - prediction| / |label|; 0.1 is ten per cent.

    A label of 0 has no percentage: its group is NaN (scikit-learn divides by 2^-52 there, which says nothing either).

    Source: scikit-learn's `mean_absolute_percentage_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The share of each row; NaN where the label is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return [np.where(label == 0.0, np.nan, np.abs(label - prediction) / np.abs(label))]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

"""R2: how much of the spread of the labels predictions explain."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["R2"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class R2(SumMetric):
    """1 - (sum of squared errors) / (sum of squared distances from the mean label).

    1 is perfect, 0 is the mean for every row, below that is worse. NaN where all labels are equal. Labels far from 0
    beside their spread lose digits: at a mean of 10^6 standard deviations four of sixteen are left.

    Source: scikit-learn's `r2_score`.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False
    undefined: ClassVar[str] = "all labels are equal"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared error, the squared label, and the label of each row."""
        return [np.square(label - prediction), np.square(label), label]

    def value(self, result: SumsResult) -> Floats:
        """One minus what is left of the spread."""
        squared_error, squared, _ = result.means
        mean = ratio(result.positive, result.weight)
        spread = squared - mean * mean
        return 1.0 - ratio(squared_error, np.where(spread > 1e-15 * squared, spread, 0.0))

"""Explained variance: how much of the label's spread predictions account for, a constant shift left out."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["ExplainedVariance"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ExplainedVariance(SumMetric):
    """1 - the variance of what is left / the variance of the label; 1 is perfect, 0 what a constant gives.

    Unlike r2 it forgives being off by the same everywhere. NaN where all labels are the same.

    Source: scikit-learn's `explained_variance_score`.
    """

    higher_is_better: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (-np.inf, 1.0)
    undefined: ClassVar[str] = "all labels are the same"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The label squared, the error, and it squared."""
        with np.errstate(all="ignore"):
            error = label - prediction
            return [np.square(label), error, np.square(error)]

    def value(self, result: SumsResult) -> Floats:
        """From the means."""
        squares, error, errors = result.means
        spread = squares - np.square(ratio(result.positive, result.weight))
        left = errors - np.square(error)
        # What is left of a spread beyond 2^-40 of the squares is rounding.
        return 1.0 - ratio(left, np.where(spread > 2.0**-40 * squares, spread, 0.0))

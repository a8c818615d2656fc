"""Precision: how many of the rows called positive are positive."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Precision"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Precision(ThresholdMetric):
    """The share of positive rows among those predicted positive; NaN where none is.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: van Rijsbergen, "Information Retrieval" (1979), chapter 7; scikit-learn's `precision_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "nothing was predicted positive"

    def support(self, result: SumsResult) -> Floats:
        """The rows called positive."""
        return result.totals[0]

    def value(self, result: SumsResult) -> Floats:
        """Rightly predicted positive among predicted positive."""
        called, right = result.totals
        return ratio(right, called)

"""Recall: how many of the positive rows are found."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Recall"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Recall(ThresholdMetric):
    """The share of the positive rows that are predicted positive; NaN where no row is positive.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: van Rijsbergen, "Information Retrieval" (1979), chapter 7; scikit-learn's `recall_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive"

    def support(self, result: SumsResult) -> Floats:
        """The positive rows."""
        return result.positive

    def value(self, result: SumsResult) -> Floats:
        """Found positive rows among positive rows."""
        tp, _, fn, _ = self.confusion(result)
        return ratio(tp, tp + fn)

"""The false negative rate: how many of the positive rows are missed."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["FalseNegativeRate"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FalseNegativeRate(ThresholdMetric):
    """The share of the positive rows that are predicted negative; NaN where no row is positive.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Fawcett, "An introduction to ROC analysis" (2006).
    """

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive"

    def support(self, result: SumsResult) -> Floats:
        """The positive rows."""
        return result.positive

    def value(self, result: SumsResult) -> Floats:
        """Missed among positive rows."""
        tp, _, fn, _ = self.confusion(result)
        return ratio(fn, tp + fn)

"""F1: precision and recall in one figure."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["F1"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class F1(ThresholdMetric):
    """The harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn); NaN where no row is positive or called so.

    Rows that are rightly negative do not count: for rare positives it says more than accuracy.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: van Rijsbergen, "Information Retrieval" (1979), chapter 7; scikit-learn's `f1_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive, and none was predicted so"

    def support(self, result: SumsResult) -> Floats:
        """The rows that are positive or called so."""
        return result.totals[0] + result.positive - result.totals[1]

    def value(self, result: SumsResult) -> Floats:
        """Twice the rightly called among all called and all positive."""
        tp, fp, fn, _ = self.confusion(result)
        return ratio(2.0 * tp, 2.0 * tp + fp + fn)

"""The Jaccard index: called and positive among called or positive."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Jaccard"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Jaccard(ThresholdMetric):
    """tp / (tp + fp + fn); NaN where no row is positive or called so.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Jaccard, "The distribution of the flora in the alpine zone" (1912); scikit-learn's `jaccard_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive, and none was predicted so"

    def support(self, result: SumsResult) -> Floats:
        """The rows that are positive or called so."""
        return result.totals[0] + result.positive - result.totals[1]

    def value(self, result: SumsResult) -> Floats:
        """What both have among what either has."""
        tp, fp, fn, _ = self.confusion(result)
        return ratio(tp, tp + fp + fn)

"""The false positive rate: how many of the negative rows are called positive."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["FalsePositiveRate"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FalsePositiveRate(ThresholdMetric):
    """The share of the negative rows that are predicted positive; NaN where no row is negative.

    Compared over groups of people it is one half of equalised odds; recall is the other.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Fawcett, "An introduction to ROC analysis" (2006); Hardt, Price and Srebro, "Equality of opportunity in
    supervised learning" (2016).
    """

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is negative"

    def support(self, result: SumsResult) -> Floats:
        """The negative rows."""
        return result.weight - result.positive

    def value(self, result: SumsResult) -> Floats:
        """Wrongly positive among negative rows."""
        _, fp, _, tn = self.confusion(result)
        return ratio(fp, tn + fp)

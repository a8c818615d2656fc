"""Specificity: how many of the negative rows are left alone."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Specificity"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Specificity(ThresholdMetric):
    """The share of the negative rows that are predicted negative; NaN where no row is negative.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Yerushalmy, "Statistical problems in assessing methods of medical diagnosis" (1947).
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is negative"

    def support(self, result: SumsResult) -> Floats:
        """The negative rows."""
        return result.weight - result.positive

    def value(self, result: SumsResult) -> Floats:
        """Rightly negative among negative rows."""
        _, fp, _, tn = self.confusion(result)
        return ratio(tn, tn + fp)

"""The false omission rate: how many of the rows called negative are positive."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["FalseOmissionRate"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FalseOmissionRate(ThresholdMetric):
    """The share of positive rows among those predicted negative; NaN where none is.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: TensorFlow Model Analysis, `FalseOmissionRate`.
    """

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "nothing was predicted negative"

    def support(self, result: SumsResult) -> Floats:
        """The rows called negative."""
        return result.weight - result.totals[0]

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        _, _, fn, tn = self.confusion(result)
        return ratio(fn, tn + fn)

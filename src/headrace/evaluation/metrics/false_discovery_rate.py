"""The false discovery rate: how many of the rows called positive are not."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["FalseDiscoveryRate"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FalseDiscoveryRate(ThresholdMetric):
    """The share of negative rows among those predicted positive, 1 - precision; NaN where none is.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Benjamini and Hochberg, "Controlling the false discovery rate" (1995).
    """

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "nothing was predicted positive"

    def support(self, result: SumsResult) -> Floats:
        """The rows called positive."""
        return result.totals[0]

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, _, _ = self.confusion(result)
        return ratio(fp, tp + fp)

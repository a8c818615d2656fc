"""The index of Fowlkes and Mallows: the geometric mean of precision and recall."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["FowlkesMallows"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FowlkesMallows(ThresholdMetric):
    """The root of precision times recall; NaN where nothing is positive, or nothing is predicted so.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Fowlkes and Mallows (1983); TensorFlow Model Analysis, `FowlkesMallowsIndex`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive, or none is predicted so"

    def value(self, result: SumsResult) -> Floats:
        """From the four weights."""
        tp, fp, fn, _ = self.confusion(result)
        return np.sqrt(ratio(tp, tp + fp) * ratio(tp, tp + fn))

"""Mean absolute error: how far predictions are from what happened, in the label's own unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import SumMetric
from headrace.fold.sums import SumsResult

__all__ = ["MeanAbsoluteError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanAbsoluteError(SumMetric):
    """The mean distance between the prediction and the label, in the label's unit; 0 is perfect.

    Use it where a miss costs in proportion to its size: one wild row does not outweigh the others.

    Any finite label and prediction. Exact to 2^-41.

    >>> MeanAbsoluteError().name
    'mean_absolute_error'

    Source: scikit-learn's `mean_absolute_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The distance of each row."""
        return [np.abs(label - prediction)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

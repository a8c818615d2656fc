"""The positive rate: how many rows are called positive."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ThresholdMetric, ratio
from headrace.fold import SumsResult

__all__ = ["PositiveRate"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PositiveRate(ThresholdMetric):
    """The share of rows that are predicted positive, whatever their label.

    Compared over groups of people it is demographic parity. Neither way is up: rules hold it between two numbers.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Dwork et al., "Fairness through awareness" (2012), section 3.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def value(self, result: SumsResult) -> Floats:
        """Called positive among all rows."""
        tp, fp, _, _ = self.confusion(result)
        return ratio(tp + fp, result.weight)

"""Zero-one loss: how many rows are decided wrongly."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassDecisions, ThresholdMetric, ratio
from headrace.fold import ClassTotalsResult, SumsResult

__all__ = ["ZeroOneLoss"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ZeroOneLoss(ClassDecisions, ThresholdMetric):
    """The share of rows on the wrong side of the threshold; of several classes, of rows called another than theirs.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: scikit-learn's `zero_one_loss`.
    """

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """The rows that are wrong, and all."""
        return [labelled - right, labelled]

    def of_parts(self, *sums: Floats) -> Floats:
        """Wrong rows among all rows."""
        return ratio(*sums)

    def value(self, result: SumsResult | ClassTotalsResult) -> Floats:
        """Wrong rows among all rows."""
        if isinstance(result, ClassTotalsResult):
            return self.class_value(result)
        _, fp, fn, _ = self.confusion(result)
        return ratio(fp + fn, result.weight)

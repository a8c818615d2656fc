"""Accuracy: how many rows are decided rightly."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassDecisions, ThresholdMetric, ratio
from headrace.fold import ClassTotalsResult, SumsResult

__all__ = ["Accuracy"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Accuracy(ClassDecisions, ThresholdMetric):
    """The share of rows on the right side of the threshold; of several classes, of rows whose likeliest is theirs.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: scikit-learn's `accuracy_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """The rows that are right, and all."""
        return [right, labelled]

    def of_parts(self, *sums: Floats) -> Floats:
        """Right rows among all rows."""
        return ratio(*sums)

    def value(self, result: SumsResult | ClassTotalsResult) -> Floats:
        """Right rows among all rows."""
        if isinstance(result, ClassTotalsResult):
            return self.class_value(result)
        tp, _, _, tn = self.confusion(result)
        return ratio(tp + tn, result.weight)

"""Balanced accuracy: the mean of what is decided rightly in each class."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassDecisions, ThresholdMetric, class_recall, ratio
from headrace.fold import ClassTotalsResult, SumsResult

__all__ = ["BalancedAccuracy"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BalancedAccuracy(ClassDecisions, ThresholdMetric):
    """The mean of recall and specificity: each class counts the same, however rare; always saying one class gives 0.5.

    Of several classes the mean recall of those that occur; always saying one of K gives 1 / K.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: Brodersen et al., "The balanced accuracy and its posterior distribution" (2010); scikit-learn's
    `balanced_accuracy_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "all labels are the same"

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """The recall of each class that occurs, and that it does."""
        return [class_recall(labelled, called, right), np.asarray(labelled > 0.0, np.float64)]

    def of_parts(self, *sums: Floats) -> Floats:
        """The mean."""
        return ratio(*sums)

    def support(self, result: SumsResult | ClassTotalsResult) -> Floats:
        """The rows of the rarest class that occurs."""
        if isinstance(result, ClassTotalsResult):
            found: Floats = np.where(result.labelled > 0.0, result.labelled, np.inf).min(axis=1)
            return found
        return np.minimum(result.positive, result.weight - result.positive)

    def value(self, result: SumsResult | ClassTotalsResult) -> Floats:
        """Half the share found of the positive rows, half that of the negative ones."""
        if isinstance(result, ClassTotalsResult):
            return self.class_value(result)
        tp, fp, fn, tn = self.confusion(result)
        return 0.5 * (ratio(tp, tp + fn) + ratio(tn, tn + fp))

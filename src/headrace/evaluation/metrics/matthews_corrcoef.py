"""Matthews' correlation coefficient of the decisions with the labels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import ClassDecisions, ThresholdMetric, ratio
from headrace.fold import ClassTotalsResult, SumsResult

__all__ = ["MatthewsCorrcoef"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MatthewsCorrcoef(ClassDecisions, ThresholdMetric):
    """The correlation of being on the positive side of the threshold with being positive, from -1 to 1.

    0 is what chance gives, however rare one of the classes is: unlike accuracy it cannot be had by always saying the
    same. NaN where all rows are of one class, or on one side of the threshold; scikit-learn's `matthews_corrcoef` is 0
    there. One prediction for all rows has no correlation: there is no baseline to hold it to.

    Of several classes the correlation of Gorodkin, "Comparing two K-category assignments by a K-category correlation
    coefficient" (2004), as scikit-learn has it.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Raises InvalidInput for a threshold that is not finite. Source: Matthews, "Comparison of the predicted and observed
    secondary structure of T4 phage lysozyme" (1975).

    >>> MatthewsCorrcoef(threshold=0.3).name
    'matthews_corrcoef'
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    undefined: ClassVar[str] = "all labels are the same, or all predictions are on one side of the threshold"

    def class_parts(self, labelled: Floats, called: Floats, right: Floats) -> list[Floats]:
        """Agreement, all rows, how often chance would agree, and how the labels and the calls are spread."""
        return [right, labelled, labelled * called, np.square(labelled), np.square(called)]

    def of_parts(self, *sums: Floats) -> Floats:
        """The correlation of several classes, of shares so that nothing overflows."""
        right, total, both, labels, calls = sums
        chance, spread = (
            ratio(ratio(both, total), total),
            [1.0 - ratio(ratio(one, total), total) for one in (labels, calls)],
        )
        # What is left of a spread of nothing is rounding.
        width = np.sqrt(np.where(spread[0] > 1e-12, spread[0], 0.0)) * np.sqrt(
            np.where(spread[1] > 1e-12, spread[1], 0.0)
        )
        return ratio(ratio(right, total) - chance, width)

    def value(self, result: SumsResult | ClassTotalsResult) -> Floats:
        """(tp tn - fp fn) / sqrt((tp + fp) (tp + fn) (tn + fp) (tn + fn)), of shares so that nothing overflows."""
        if isinstance(result, ClassTotalsResult):
            return self.class_value(result)
        tp, fp, fn, tn = (ratio(one, result.weight) for one in self.confusion(result))
        spread = np.sqrt((tp + fp) * (tn + fn)) * np.sqrt((tp + fn) * (tn + fp))
        return ratio(tp * tn - fp * fn, spread)

"""The area under the ROC curve: how well scores rank positives above negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import ratio
from headrace.evaluation._curve import CurveMetric, by_class
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["RocAuc"]


@dataclass(frozen=True, kw_only=True)
class RocAuc(CurveMetric):
    """The probability that a positive row scores higher than a negative one, ties counting half; 0.5 is chance.

    Needs rows of both classes. Exact: no binning of scores.

    >>> RocAuc().name
    'roc_auc'

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve" (1982); scikit-learn's
    `roc_auc_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "needs both positive and negative rows"

    def influence(
        self,
        label: npt.NDArray[np.float64],
        prediction: npt.NDArray[np.float64],
        groups: npt.NDArray[np.int32],
        result: ScoreCurveResult,
    ) -> npt.NDArray[np.float64]:
        """The share of the other class that a row ranks rightly against, less the area, by its own class's weight.

        Source: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
        characteristic curves" (1988), whose variance its squares sum to.
        """
        if not len(result.score):
            return np.zeros(len(label))
        # By run of equal scores, of which there are no more than rows.
        positive, negative = result.positive[result.group], (result.weight - result.positive)[result.group]
        beaten = result.negative_below + 0.5 * result.run_negative
        below = result.positive_below + 0.5 * result.run_positive
        area = self.value(result)[result.group]
        of_positive = ratio(ratio(beaten, negative) - area, positive)
        of_negative = ratio(1.0 - ratio(below, positive) - area, negative)
        runs = result.find(groups, prediction)
        return by_class(label, groups, len(result.num_rows), of_positive, of_negative, runs)

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Pairs ranked rightly among all pairs."""
        pairs = result.run_positive * (result.negative_below + 0.5 * result.run_negative)
        # bincount adds one after the other: the same bits on every machine.
        ranked = np.bincount(result.group, weights=pairs, minlength=len(result.num_rows))
        return ratio(ranked, result.positive * (result.weight - result.positive))

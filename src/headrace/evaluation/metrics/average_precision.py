"""Average precision: the area under the precision-recall curve, as steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import ratio
from headrace.evaluation._curve import CurveMetric
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["AveragePrecision"]


@dataclass(frozen=True, kw_only=True)
class AveragePrecision(CurveMetric):
    """The mean precision at the scores of the positive rows: each score is taken as the threshold once.

    Chance is the share of positive rows, so it tells models of rare events apart where roc_auc is near 1 for all. NaN
    where no row is positive. Exact: no interpolation, no binning.

    Source: scikit-learn's `average_precision_score`; Davis and Goadrich, "The relationship between precision-recall and
    ROC curves" (2006), on why not to interpolate.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive"

    def support(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """The positive rows."""
        return result.positive

    def by_run(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """A positive row adds a precision and lifts those of the scores below it; a negative one lowers them."""
        if not len(result.score):
            return np.zeros((0, 2))
        found, called = self._called(result)
        taken = found + called
        precision = np.nan_to_num(ratio(found, taken))
        share = np.nan_to_num(ratio(result.run_positive, taken))
        lifted, lowered = result.through(share * (1.0 - precision)), result.through(share * precision)
        positive = result.positive[result.group]
        of_positive = ratio(precision - self.value(result)[result.group] + lifted, positive)
        return np.column_stack([ratio(-lowered, positive), of_positive])

    @staticmethod
    def _called(result: ScoreCurveResult) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The weight of the positive and of the negative rows at or above each score."""
        negative = (result.weight - result.positive)[result.group]
        return result.positive[result.group] - result.positive_below, negative - result.negative_below

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Precision at each score, weighted by the positive rows that have it."""
        found, called = self._called(result)
        steps = result.run_positive * np.nan_to_num(ratio(found, found + called))
        total = np.bincount(result.group, weights=steps, minlength=len(result.num_rows))
        return ratio(total, result.positive)

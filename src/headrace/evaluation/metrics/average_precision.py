"""Average precision: the area under the precision-recall curve, as steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import Metric, ratio
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult

__all__ = ["AveragePrecision"]


@dataclass(frozen=True, kw_only=True)
class AveragePrecision(Metric):
    """The mean precision at the scores of the positive rows: each score is taken as the threshold once.

    Chance is the share of positive rows, so it tells models of rare events apart where roc_auc is near 1 for all. NaN
    where no row is positive. Exact: no interpolation, no binning.

    Source: scikit-learn's `average_precision_score`; Davis and Goadrich, "The relationship between precision-recall and
    ROC curves" (2006), on why not to interpolate.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive"

    def needs(self, label: str, prediction: str) -> ScoreCurve:
        """The exact score curve."""
        return ScoreCurve(label, prediction)

    def support(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """The positive rows."""
        return result.positive

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Precision at each score, weighted by the positive rows that have it."""
        called = (result.weight - result.positive)[result.group] - result.negative_below
        found = result.positive[result.group] - result.positive_below
        steps = result.run_positive * np.nan_to_num(ratio(found, found + called))
        total = np.bincount(result.group, weights=steps, minlength=len(result.num_rows))
        return ratio(total, result.positive)

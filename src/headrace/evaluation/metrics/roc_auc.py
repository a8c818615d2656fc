"""The area under the ROC curve: how well scores rank positives above negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import Metric, ratio
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult

__all__ = ["RocAuc"]


@dataclass(frozen=True, kw_only=True)
class RocAuc(Metric):
    """The probability that a positive row scores higher than a negative one, ties counting half; 0.5 is chance.

    Needs rows of both classes. Exact: no binning of scores.

    >>> RocAuc().name
    'roc_auc'

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve" (1982); scikit-learn's
    `roc_auc_score`.
    """

    higher_is_better: ClassVar[bool] = True
    undefined: ClassVar[str] = "needs both positive and negative rows"

    def needs(self, label: str, prediction: str) -> ScoreCurve:
        """The exact score curve."""
        return ScoreCurve(label, prediction)

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Pairs ranked rightly among all pairs."""
        pairs = result.run_positive * (result.negative_below + 0.5 * result.run_negative)
        # bincount adds one after the other: the same bits on every machine.
        ranked = np.bincount(result.group, weights=pairs, minlength=len(result.num_rows))
        return ratio(ranked, result.positive * (result.weight - result.positive))

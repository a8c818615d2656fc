"""The area under the ROC curve: how well scores rank positives above negatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import ratio
from headrace.evaluation._curve import CurveMetric
from headrace.fold.kernels.curves import ranked_pairs, ranked_shares
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["RocAuc"]

Floats = npt.NDArray[np.float64]


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

    def by_run(self, result: ScoreCurveResult) -> Floats:
        """The share of the other class that a row ranks rightly against, less the area, by its own class's weight.

        Source: DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
        characteristic curves" (1988), whose variance its squares sum to.
        """
        of_runs = result.run_negative, result.run_positive, result.negative_below, result.positive_below
        totals = result.weight - result.positive, result.positive
        return ranked_shares(result.group, of_runs, totals, self.value(result))

    def value(self, result: ScoreCurveResult) -> Floats:
        """Pairs ranked rightly among all pairs."""
        of_runs = result.run_positive, result.run_negative, result.negative_below
        ranked = ranked_pairs(result.group, *of_runs, len(result.num_rows))
        return ratio(ranked, result.positive * (result.weight - result.positive))

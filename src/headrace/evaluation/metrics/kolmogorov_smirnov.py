"""Kolmogorov and Smirnov's statistic: how far apart a threshold can hold the two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import ratio
from headrace.evaluation._curve import CurveMetric, by_class
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["KolmogorovSmirnov"]


@dataclass(frozen=True, kw_only=True)
class KolmogorovSmirnov(CurveMetric):
    """The largest difference of recall and false positive rate over all thresholds; what credit scoring reports.

    0 is chance, 1 that a threshold parts the classes. NaN where there is one class only. Exact.

    Source: Hand, "Measuring classifier performance" (2009), section 2; SciPy's `ks_2samp`, one-sided.
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
        """As if the best threshold stayed where it is: what the row adds to either share there."""
        if not len(result.score):
            return np.zeros(len(label))
        apart, most = self._apart(result), self.value(result)
        num_groups = len(result.num_rows)
        best = np.full(num_groups, np.inf)
        is_best = apart == most[result.group]
        np.minimum.at(best, result.group[is_best], result.score[is_best])
        negative = result.weight - result.positive
        taken = (prediction >= best[groups]).astype(np.float64)
        share = [
            ratio(np.bincount(result.group, run * (result.score >= best[result.group]), num_groups), whole)
            for run, whole in ((result.run_positive, result.positive), (result.run_negative, negative))
        ]
        of_positive = ratio(taken - share[0][groups], result.positive[groups])
        of_negative = -ratio(taken - share[1][groups], negative[groups])
        return by_class(label, groups, num_groups, of_positive, of_negative)

    @staticmethod
    def _apart(result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Negative rows below each score, as a share, less positive rows below it."""
        negative = (result.weight - result.positive)[result.group]
        return ratio(result.negative_below, negative) - ratio(result.positive_below, result.positive[result.group])

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Negative rows below the threshold, as a share, less positive rows below it, at the best one."""
        most = np.zeros(len(result.num_rows))  # at a threshold that takes all rows the two are equal
        np.fmax.at(most, result.group, self._apart(result))
        has_both = (result.weight > result.positive) & (result.positive > 0.0)
        return np.where(has_both, most, np.nan)

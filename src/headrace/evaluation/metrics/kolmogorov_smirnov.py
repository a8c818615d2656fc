"""Kolmogorov and Smirnov's statistic: how far apart a threshold can hold the two classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import Metric, ratio
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult

__all__ = ["KolmogorovSmirnov"]


@dataclass(frozen=True, kw_only=True)
class KolmogorovSmirnov(Metric):
    """The largest difference of recall and false positive rate over all thresholds; what credit scoring reports.

    0 is chance, 1 that a threshold parts the classes. NaN where there is one class only. Exact.

    Source: Hand, "Measuring classifier performance" (2009), section 2; SciPy's `ks_2samp`, one-sided.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "needs both positive and negative rows"

    def needs(self, label: str, prediction: str) -> ScoreCurve:
        """The exact score curve."""
        return ScoreCurve(label, prediction)

    def support(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """The rows of the rarer class."""
        return np.minimum(result.positive, result.weight - result.positive)

    def value(self, result: ScoreCurveResult) -> npt.NDArray[np.float64]:
        """Negative rows below the threshold, as a share, less positive rows below it, at the best one."""
        negative = result.weight - result.positive
        below = ratio(result.negative_below, negative[result.group]) - ratio(
            result.positive_below, result.positive[result.group]
        )
        most = np.zeros(len(result.num_rows))  # at a threshold that takes all rows the two are equal
        np.fmax.at(most, result.group, below)
        return np.where((negative > 0.0) & (result.positive > 0.0), most, np.nan)

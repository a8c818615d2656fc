"""Median absolute error: how far off the middle row is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import Metric
from headrace.fold.error_curve import ErrorCurve
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["MedianAbsoluteError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MedianAbsoluteError(Metric):
    """The median distance between prediction and label: half of the weight is nearer. A few wild misses do not move it.

    Between two middle rows it is the mean of both. Intervals are drawn again 200 times.

    Source: scikit-learn's `median_absolute_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def needs(self, label: str, prediction: str) -> ErrorCurve:
        """The exact curve of distances."""
        return ErrorCurve(label, prediction)

    def value(self, result: ScoreCurveResult) -> Floats:
        """Where half of the weight is passed; the mean with the next one where it is met."""
        found = np.full((2, len(result.num_rows)), np.nan)
        half = 0.5 * result.weight[result.group]
        through = result.positive_below + result.run_positive
        for place, is_past in enumerate((through >= half, through > half)):
            is_past &= result.run_positive > 0.0
            # The first of a group: the last that is written, going backwards.
            found[place, result.group[is_past][::-1]] = result.score[is_past][::-1]
        return np.where(result.weight > 0.0, 0.5 * (found[0] + found[1]), np.nan)

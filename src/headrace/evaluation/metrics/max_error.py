"""Max error: the farthest that a prediction is from what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import Metric
from headrace.fold.error_curve import ErrorCurve
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["MaxError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MaxError(Metric):
    """The largest distance between prediction and label of any row with a weight above 0.

    One row decides it, so that no interval is told: rules on it are judged `by value`.

    Source: scikit-learn's `max_error`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def needs(self, label: str, prediction: str) -> ErrorCurve:
        """The exact curve of distances."""
        return ErrorCurve(label, prediction)

    def influence(self, label: Floats, prediction: Floats, groups: npt.NDArray[np.int32], result: object) -> Floats:
        """NaN: how far the farthest row of others would be, these rows cannot say."""
        return np.full(len(label), np.nan)

    def value(self, result: ScoreCurveResult) -> Floats:
        """The last distance."""
        found = np.full(len(result.num_rows), np.nan)
        is_met = result.run_positive > 0.0
        np.fmax.at(found, result.group[is_met], result.score[is_met])
        return np.where(np.isnan(result.weight), np.nan, found)

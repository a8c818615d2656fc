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

    Between two middle rows it is the mean of both. Its interval follows from how far apart errors lie around it; none
    is told where they are all the same there.

    Source: scikit-learn's `median_absolute_error`; Hall and Sheather, "On the distribution of a studentized quantile"
    (1988), for how many errors around it are looked at.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    def needs(self, label: str, prediction: str) -> ErrorCurve:
        """The exact curve of distances."""
        return ErrorCurve(label, prediction)

    def influence(
        self, label: Floats, prediction: Floats, groups: npt.NDArray[np.int32], result: ScoreCurveResult
    ) -> Floats:
        """Half of what lies between errors by share, up or down: as the row's is above the median or not."""
        if not len(result.score):
            return np.zeros(len(label))
        reach = np.minimum(0.97 * np.maximum(result.num_rows, 1) ** (-1.0 / 3.0), 0.4)
        low, high = self._at(result, 0.5 - reach), self._at(result, 0.5 + reach)
        slope = (high - low) / (2.0 * reach)
        slope = np.where(slope > 0.0, slope, np.nan) / np.where(result.weight > 0.0, result.weight, np.nan)
        is_below = np.abs(label - prediction) <= self.value(result)[groups]
        return np.asarray(slope[groups] * (0.5 - is_below), np.float64)

    def value(self, result: ScoreCurveResult) -> Floats:
        """Where half of the weight is passed; the mean with the next one where it is met."""
        half = np.full(len(result.num_rows), 0.5)
        found = 0.5 * (self._at(result, half) + self._at(result, half, is_past=True))
        return np.where(result.weight > 0.0, found, np.nan)

    @staticmethod
    def _at(result: ScoreCurveResult, share: Floats, *, is_past: bool = False) -> Floats:
        """The first distance of each group at which this share of the weight is met, or passed."""
        found = np.full(len(result.num_rows), np.nan)
        bound = (share * result.weight)[result.group]
        through = result.positive_below + result.run_positive
        chosen = ((through > bound) if is_past else (through >= bound)) & (result.run_positive > 0.0)
        # The first of a group: the last that is written, going backwards.
        found[result.group[chosen][::-1]] = result.score[chosen][::-1]
        return found

"""Metrics of decisions: a prediction at or above the threshold is positive, and four weights say all the rest."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import SumMetric
from headrace.fold.sums import Sums, SumsResult

__all__ = ["PSEUDO_CELLS", "PSEUDO_ROWS", "Confusion", "ThresholdMetric"]

# Rows that are thought of in each cell of the confusion matrix: (label, decision), positive ones first.
PSEUDO_ROWS = 1.0
PSEUDO_CELLS = ((1.0, 1.0), (1.0, 0.0), (0.0, 1.0), (0.0, 0.0))

Floats = npt.NDArray[np.float64]


class Confusion(NamedTuple):
    """The confusion matrix of every group: weights, each float64[num_groups].

    Parameters
    ----------
    tp, fp : float64[num_groups]
        Predicted positive, rightly and wrongly.
    fn, tn : float64[num_groups]
        Predicted negative, wrongly and rightly.
    """

    tp: Floats
    fp: Floats
    fn: Floats
    tn: Floats


@dataclass(frozen=True, kw_only=True)
class ThresholdMetric(SumMetric):
    """A metric of which side of a threshold predictions are on: write `value`, from `self.confusion(result)`.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Raises InvalidInput for a threshold that is not finite.
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.threshold):
            where = type(self).__module__.rpartition(".")[2]
            raise InvalidInput(f"threshold = {self.threshold}", where=where, expected="a finite number")

    def needs(self, label: str, prediction: str) -> Sums:
        """Exact sums of the two terms: all metrics of one threshold share them."""
        if type(self).terms is not ThresholdMetric.terms:
            return super().needs(label, prediction)
        return Sums("positive_rate", (("threshold", self.threshold),), label, prediction)

    def terms(self, label: Floats, prediction: Floats) -> list[npt.NDArray[np.bool_]]:
        """Two arrays: which rows are predicted positive, and which of them rightly."""
        called = prediction >= self.threshold
        return [called, called & (label == 1.0)]

    def with_pseudo_rows(self, result: SumsResult, num_rows: npt.NDArray[np.int64]) -> SumsResult:
        """The result with a few rows more in each cell: what is 0 of 5 in these rows is not surely 0 of the next 5.

        Source: Agresti and Coull, "Approximate is better than 'exact' for interval estimation of binomial proportions"
        (1998), who add as many to both sides of a share.
        """
        more = PSEUDO_ROWS * self.pseudo_weight(result, num_rows)
        called, tp = result.totals
        return dataclasses.replace(
            result,
            weight=result.weight + 4.0 * more,
            positive=result.positive + 2.0 * more,
            totals=(called + 2.0 * more, tp + more),
        )

    @staticmethod
    def pseudo_weight(result: SumsResult, num_rows: npt.NDArray[np.int64]) -> Floats:
        """What one row more weighs: the mean."""
        return np.asarray(result.weight / np.maximum(num_rows, 1), np.float64)

    @staticmethod
    def confusion(result: SumsResult) -> Confusion:
        """The four weights; they sum to the weight of all rows."""
        called, tp = result.totals
        fp, fn = called - tp, result.positive - tp
        return Confusion(tp, fp, fn, result.weight - result.positive - fp)

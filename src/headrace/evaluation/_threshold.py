"""Metrics of decisions: a prediction at or above the threshold is positive, and four weights say all the rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import SumMetric
from headrace.fold.sums import SumsResult

__all__ = ["Confusion", "ThresholdMetric"]

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

    def terms(self, label: Floats, prediction: Floats) -> list[npt.NDArray[np.bool_]]:
        """Two arrays: which rows are predicted positive, and which of them rightly."""
        called = prediction >= self.threshold
        return [called, called & (label == 1.0)]

    @staticmethod
    def confusion(result: SumsResult) -> Confusion:
        """The four weights; they sum to the weight of all rows."""
        called, tp = result.totals
        fp, fn = called - tp, result.positive - tp
        return Confusion(tp, fp, fn, result.weight - result.positive - fp)

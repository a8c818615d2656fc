"""Recall at a false positive rate: how many positive rows are found where so few negative ones may be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import ratio
from headrace.evaluation._curve import CurveMetric
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["RecallAtFalsePositiveRate"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RecallAtFalsePositiveRate(CurveMetric):
    """The highest recall of all thresholds with at most that false positive rate; 0 where there is none. Exact.

    It is the sensitivity at a specificity of 1 less the rate.

    Parameters
    ----------
    rate : float
        The largest share of negative rows that is called.

    Raises InvalidInput for one that is not from 0 to 1. Intervals are drawn again 200 times.

    Source: TensorFlow Model Analysis's `RecallAtFalsePositiveRate` and `SensitivityAtSpecificity`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "needs both positive and negative rows"

    rate: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.rate <= 1.0:
            raise InvalidInput(f"rate = {self.rate}", where=self.name, expected="from 0 to 1")

    def value(self, result: ScoreCurveResult) -> Floats:
        """The best of all thresholds that keep it."""
        positive, every = result.positive[result.group], result.weight[result.group]
        true = positive - result.positive_below
        false = every - positive - result.negative_below
        best = np.zeros(len(result.num_rows))
        is_kept = ratio(false, every - positive) <= self.rate
        np.fmax.at(best, result.group[is_kept], ratio(true, positive)[is_kept])
        has_both = (result.weight > result.positive) & (result.positive > 0.0)
        return np.where(has_both, best, np.nan)

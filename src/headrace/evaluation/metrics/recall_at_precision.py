"""Recall at a precision: how many positive rows are found where what is called must be right so often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import ratio
from headrace.evaluation._curve import CurveMetric
from headrace.fold.score_curve import ScoreCurveResult

__all__ = ["RecallAtPrecision"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RecallAtPrecision(CurveMetric):
    """The highest recall of all thresholds with at least that precision; 0 where there is none. Exact.

    Parameters
    ----------
    precision : float
        The least share of called rows that is positive.

    Raises InvalidInput for one that is not from 0 to 1. Intervals are drawn again 200 times.

    Source: TensorFlow Model Analysis's `RecallAtPrecision`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "needs both positive and negative rows"

    precision: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.precision <= 1.0:
            raise InvalidInput(f"precision = {self.precision}", where=self.name, expected="from 0 to 1")

    def value(self, result: ScoreCurveResult) -> Floats:
        """The best of all thresholds that keep it."""
        positive, every = result.positive[result.group], result.weight[result.group]
        true = positive - result.positive_below
        false = every - positive - result.negative_below
        best = np.zeros(len(result.num_rows))
        is_kept = ratio(true, true + false) >= self.precision
        np.fmax.at(best, result.group[is_kept], ratio(true, positive)[is_kept])
        has_both = (result.weight > result.positive) & (result.positive > 0.0)
        return np.where(has_both, best, np.nan)

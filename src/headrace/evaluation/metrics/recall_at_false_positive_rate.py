"""Recall at a false positive rate: how many positive rows are found where so few negative ones may be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._best_kept import BestKept
from headrace.evaluation._contract import ratio

__all__ = ["RecallAtFalsePositiveRate"]

Floats = npt.NDArray[np.float64]
Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class RecallAtFalsePositiveRate(BestKept):
    """The highest recall of all thresholds with at most that false positive rate; 0 where there is none. Exact.

    It is the sensitivity at a specificity of 1 less the rate.

    Parameters
    ----------
    rate : float
        The largest share of negative rows that is called.

    Raises InvalidInput for one that is not from 0 to 1. Intervals are drawn again 200 times.

    Source: TensorFlow Model Analysis's `RecallAtFalsePositiveRate` and `SensitivityAtSpecificity`.
    """

    level: ClassVar[str] = "rate"

    rate: float = 0.1

    def choices(self, true: Floats, false: Floats, positive: Floats, negative: Floats) -> tuple[Kept, Floats]:
        """What is kept, and what it gives."""
        return ratio(false, negative) <= self.rate, ratio(true, positive)

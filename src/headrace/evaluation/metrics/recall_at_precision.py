"""Recall at a precision: how many positive rows are found where what is called must be right so often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._best_kept import BestKept
from headrace.evaluation._contract import ratio

__all__ = ["RecallAtPrecision"]

Floats = npt.NDArray[np.float64]
Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class RecallAtPrecision(BestKept):
    """The highest recall of all thresholds with at least that precision; 0 where there is none. Exact.

    Parameters
    ----------
    precision : float
        The least share of called rows that is positive.

    Raises InvalidInput for one that is not from 0 to 1. Intervals are drawn again 200 times.

    Source: TensorFlow Model Analysis's `RecallAtPrecision`.
    """

    level: ClassVar[str] = "precision"

    precision: float = 0.9

    def choices(self, true: Floats, false: Floats, positive: Floats, negative: Floats) -> tuple[Kept, Floats]:
        """What is kept, and what it gives."""
        return ratio(true, true + false) >= self.precision, ratio(true, positive)

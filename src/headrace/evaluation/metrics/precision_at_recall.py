"""Precision at a recall: how much of what is called is right where so many positive rows must be found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._best_kept import BestKept
from headrace.evaluation._contract import ratio

__all__ = ["PrecisionAtRecall"]

Floats = npt.NDArray[np.float64]
Kept = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PrecisionAtRecall(BestKept):
    """The highest precision of all thresholds with at least that recall: the lowest threshold finds all. Exact.

    Parameters
    ----------
    recall : float
        The least share of positive rows that is found.

    Raises InvalidInput for one that is not from 0 to 1. Intervals are drawn again 200 times.

    Source: TensorFlow Model Analysis's `PrecisionAtRecall`.
    """

    level: ClassVar[str] = "recall"

    recall: float = 0.8

    def choices(self, true: Floats, false: Floats, positive: Floats, negative: Floats) -> tuple[Kept, Floats]:
        """What is kept, and what it gives."""
        return ratio(true, positive) >= self.recall, ratio(true, true + false)

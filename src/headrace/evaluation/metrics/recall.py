"""Recall: how many of the positive rows are found."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import SumMetric, ratio
from headrace.fold import SumsResult

__all__ = ["Recall"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Recall(SumMetric):
    """The share of the positive rows that are predicted positive; NaN where no row is positive.

    Parameters
    ----------
    threshold : float
        A prediction at or above it is positive.

    Source: van Rijsbergen, "Information Retrieval" (1979), chapter 7; scikit-learn's `recall_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    undefined: ClassVar[str] = "no row is positive"

    threshold: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not math.isfinite(self.threshold):
            raise InvalidInput(f"threshold = {self.threshold}", where="recall", expected="a finite number")

    def terms(self, label: Floats, prediction: Floats) -> list[npt.NDArray[np.bool_]]:
        """One array: which positive rows are predicted positive."""
        return [(prediction >= self.threshold) & (label == 1.0)]

    def support(self, result: SumsResult) -> Floats:
        """The positive rows."""
        return result.positive

    def value(self, result: SumsResult) -> Floats:
        """Found positive rows among positive rows."""
        (found,) = result.totals
        return ratio(found, result.positive)

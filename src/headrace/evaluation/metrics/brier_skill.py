"""The Brier skill score: how much better than always saying the mean."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.evaluation.metrics.brier import Brier
from headrace.fold import SumsResult

__all__ = ["BrierSkill"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BrierSkill(SumMetric):
    """1 - Brier score / that of the mean label of the same rows; 1 is perfect, 0 what that constant gives.

    NaN where all labels are the same.

    Source: Murphy, "Skill scores based on the mean square error" (1988); scikit-learn's `d2_brier_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (-np.inf, 1.0)
    undefined: ClassVar[str] = "all labels are the same"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared difference of each row."""
        return Brier().terms(label, prediction)

    def value(self, result: SumsResult) -> Floats:
        """By the variance of the label."""
        share = ratio(result.positive, result.weight)
        return 1.0 - ratio(result.means[0], share * (1.0 - share))

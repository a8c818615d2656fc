"""D2 of the log loss: how much of the surprise of always saying the mean is explained."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric, ratio
from headrace.evaluation.metrics.log_loss import LogLoss
from headrace.fold import SumsResult

__all__ = ["D2LogLoss"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class D2LogLoss(SumMetric):
    """1 - log loss / log loss of the mean label of the same rows; 1 is perfect, 0 what that constant gives.

    Probabilities are clipped as by log_loss. NaN where all labels are the same.

    Source: McFadden, "Conditional logit analysis of qualitative choice behavior" (1974); scikit-learn's
    `d2_log_loss_score`.
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (-np.inf, 1.0)
    undefined: ClassVar[str] = "all labels are the same"

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The loss of each row."""
        return LogLoss().terms(label, prediction)

    def value(self, result: SumsResult) -> Floats:
        """By the entropy of the mean label."""
        share = ratio(result.positive, result.weight)
        with np.errstate(all="ignore"):
            entropy = -(share * np.log(share) + (1.0 - share) * np.log1p(-share))
        return 1.0 - ratio(result.means[0], np.where(np.isfinite(entropy), entropy, 0.0))

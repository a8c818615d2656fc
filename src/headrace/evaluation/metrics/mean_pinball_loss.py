"""Mean pinball loss: how good predictions of a quantile are."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["MeanPinballLoss"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanPinballLoss(SumMetric):
    """The mean cost of being below the label (alpha a unit) or above it (1 - alpha): least for the true quantile.

    At 0.5 it is half the mean absolute error.

    Parameters
    ----------
    alpha : float
        Which quantile is predicted, between 0 and 1.

    Source: Koenker and Bassett, "Regression quantiles" (1978); scikit-learn's `mean_pinball_loss`.
    """

    higher_is_better: ClassVar[bool] = False
    is_binary: ClassVar[bool] = False

    alpha: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 < self.alpha < 1.0:
            raise InvalidInput(f"alpha = {self.alpha}", where="mean_pinball_loss", expected="between 0 and 1")

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The loss of each row."""
        above = label - prediction
        return [np.where(above >= 0.0, self.alpha * above, (self.alpha - 1.0) * above)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

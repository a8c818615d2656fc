"""Quantile coverage: how many labels are at or below the prediction."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["QuantileCoverage"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class QuantileCoverage(SumMetric):
    """The weighted share of rows whose label is at or below the prediction: near 0.9 where predictions are the 90th
    percentile. Neither way is up: rules hold it between two numbers.

    Source: Christoffersen, "Evaluating interval forecasts" (1998).
    """

    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    is_binary: ClassVar[bool] = False

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """Whether each label is covered."""
        return [(label <= prediction).astype(np.float64)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

"""The Brier score: how far probabilities are from what happened, squared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation._contract import SumMetric
from headrace.evaluation._shares import are_shares, of_own
from headrace.fold.sums import SumsResult

__all__ = ["Brier"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Brier(SumMetric):
    """Mean squared difference between the probability and the label (0 or 1); 0 is perfect, 1 the worst.

    Of several classes the differences of all are summed, from 0 to 2, as scikit-learn has it.
    Use it where the probability itself is acted on: it punishes bad calibration and bad ranking alike.

    Predictions must be probabilities, 0 to 1: any other makes the group NaN. Exact to 2^-41.

    >>> Brier().name
    'brier'

    Source: Brier, "Verification of forecasts expressed in terms of probability" (1950), halved for two classes;
    scikit-learn's `brier_score_loss`.
    """

    higher_is_better: ClassVar[bool] = False
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)
    class_limits: ClassVar[tuple[float, float] | None] = (0.0, 2.0)
    has_classes: ClassVar[bool] = True

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared difference of each row."""
        is_probability = (prediction >= 0.0) & (prediction <= 1.0)
        return [np.where(is_probability, np.square(label - np.where(is_probability, prediction, 0.0)), np.nan)]

    def class_terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """The squared differences of each row, summed over the classes one after the other."""
        is_share = are_shares(prediction)
        shares = np.where(is_share[:, None], prediction, 0.0)
        squared = np.add.accumulate(np.square(shares), axis=1)[:, -1]
        # (1 - p)^2 instead of p^2 for the row's own class; 1 for a label that is none of them.
        return [np.where(is_share, squared + 1.0 - 2.0 * of_own(label, shares), np.nan)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

"""Hinge loss: what is left to a margin of 1 between a row's class and the others."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import SumMetric
from headrace.fold import SumsResult

__all__ = ["HingeLoss"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class HingeLoss(SumMetric):
    """The weighted mean of max(0, 1 - margin), of decision values rather than of probabilities.

    The margin is the prediction, negative for label 0; of several classes what the row's own has more than the highest
    of the others. A label that is no class of the model is as far off as its lowest value.

    Source: Crammer and Singer, "On the algorithmic implementation of multiclass kernel-based vector machines" (2001);
    scikit-learn's `hinge_loss`.
    """

    higher_is_better: ClassVar[bool] = False
    has_classes: ClassVar[bool] = True

    def terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """What is left of 1."""
        return [np.maximum(1.0 - (2.0 * label - 1.0) * prediction, 0.0)]

    def class_terms(self, label: Floats, prediction: Floats) -> list[Floats]:
        """What is left of 1 to the highest of the others."""
        num_classes = prediction.shape[1]
        is_own = np.arange(num_classes)[None, :] == label[:, None]
        lowest = prediction.min(axis=1, initial=np.inf)
        own = np.where(label < num_classes, np.where(is_own, prediction, 0.0).sum(axis=1), lowest)
        others = np.where(is_own, -np.inf, prediction).max(axis=1, initial=-np.inf)
        return [np.maximum(1.0 - (own - others), 0.0)]

    def value(self, result: SumsResult) -> Floats:
        """The weighted mean."""
        return result.means[0]

"""Subset accuracy: how many rows have all their labels right."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import LabelThresholdMetric

__all__ = ["SubsetAccuracy"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class SubsetAccuracy(LabelThresholdMetric):
    """The share of rows that are called exactly the labels they have: one wrong label and the row is wrong.

    Parameters
    ----------
    threshold : float
        A probability at or above it calls the label.

    Source: scikit-learn's `accuracy_score` of sets of labels, which it calls `accuracy`.
    """

    higher_is_better: ClassVar[bool] = True

    def of_called(self, label: Bools, called: Bools) -> Floats:
        """Whether all are right."""
        return np.asarray((label == called).all(axis=1), np.float64)

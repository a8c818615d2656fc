"""Recall, samples: how many of a row's labels are called, averaged over rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import LabelThresholdMetric

__all__ = ["RecallSamples"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class RecallSamples(LabelThresholdMetric):
    """The mean over rows of the share of the labels there that are called; 0 of a row that has none.

    Parameters
    ----------
    threshold : float
        A probability at or above it calls the label.

    Source: scikit-learn's `recall_score(average="samples", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True

    def of_called(self, label: Bools, called: Bools) -> Floats:
        """Of what each row has."""
        return np.asarray((label & called).sum(axis=1) / np.maximum(label.sum(axis=1), 1), np.float64)

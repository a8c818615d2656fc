"""Hamming loss: how many of all decisions about labels are wrong."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import LabelThresholdMetric

__all__ = ["HammingLoss"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class HammingLoss(LabelThresholdMetric):
    """The share of labels, of all rows together, that are called and not there, or there and not called.

    Parameters
    ----------
    threshold : float
        A probability at or above it calls the label.

    Source: scikit-learn's `hamming_loss`.
    """

    higher_is_better: ClassVar[bool] = False

    def of_called(self, label: Bools, called: Bools) -> Floats:
        """The share of its labels that is wrong."""
        return np.asarray((label != called).mean(axis=1), np.float64)

"""Precision, samples: how much of what a row is called it has, averaged over rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import LabelThresholdMetric

__all__ = ["PrecisionSamples"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class PrecisionSamples(LabelThresholdMetric):
    """The mean over rows of the share of the labels called that are there; 0 of a row that is called none.

    Parameters
    ----------
    threshold : float
        A probability at or above it calls the label.

    Source: scikit-learn's `precision_score(average="samples", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True

    def of_called(self, label: Bools, called: Bools) -> Floats:
        """Of what each row is called."""
        return np.asarray((label & called).sum(axis=1) / np.maximum(called.sum(axis=1), 1), np.float64)

"""F1, samples: the harmonic mean of precision and recall of each row's labels, averaged over rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import LabelThresholdMetric

__all__ = ["F1Samples"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class F1Samples(LabelThresholdMetric):
    """The mean over rows of the labels called and there, twice, among all called and all there; 0 without either.

    Parameters
    ----------
    threshold : float
        A probability at or above it calls the label.

    Source: scikit-learn's `f1_score(average="samples", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True

    def of_called(self, label: Bools, called: Bools) -> Floats:
        """Of each row's two sets."""
        both = (label & called).sum(axis=1)
        return np.asarray(2.0 * both / np.maximum(label.sum(axis=1) + called.sum(axis=1), 1), np.float64)

"""Jaccard, samples: what a row's two sets of labels share, averaged over rows."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import LabelThresholdMetric

__all__ = ["JaccardSamples"]

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class JaccardSamples(LabelThresholdMetric):
    """The mean over rows of the labels called and there among those called or there; 0 of a row with neither.

    Parameters
    ----------
    threshold : float
        A probability at or above it calls the label.

    Source: scikit-learn's `jaccard_score(average="samples", zero_division=0)`.
    """

    higher_is_better: ClassVar[bool] = True

    def of_called(self, label: Bools, called: Bools) -> Floats:
        """Of each row's two sets."""
        return np.asarray((label & called).sum(axis=1) / np.maximum((label | called).sum(axis=1), 1), np.float64)

"""Coverage error: how far down the ranking one has to go for all true labels."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from headrace.evaluation import LabelMetric

__all__ = ["CoverageError"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CoverageError(LabelMetric):
    """The mean over rows of how many labels have a probability as high as the least of the true ones; 0 without one.

    At its best it is the mean number of labels that rows have.

    Source: scikit-learn's `coverage_error`.
    """

    higher_is_better: ClassVar[bool] = False

    def of_rows(self, label: Floats, prediction: Floats) -> Floats:
        """How many labels it takes."""
        least = np.where(label > 0.0, prediction, np.inf).min(axis=1, initial=np.inf)
        return np.asarray((prediction >= least[:, None]).sum(axis=1), np.float64)

"""Precision at k: how much of the first k places of a ranked list is relevant."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.evaluation._queries import FirstMetric
from headrace.fold.queries import QueriesResult

__all__ = ["PrecisionAtK"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PrecisionAtK(FirstMetric):
    """The mean over queries of the relevant rows among the first k, divided by k; equal scores share their places.

    Parameters
    ----------
    k : int
        At least 1.

    Raises InvalidInput for a k below 1.

    Source: Manning, Raghavan and Schuetze, "Introduction to Information Retrieval" (2008), chapter 8.
    """

    def of_queries(self, result: QueriesResult) -> Floats:
        """Relevant rows in the first k places, by k."""
        return self.found(result)[0] / self.k

"""Recall at k: how much of what is relevant the first k places of a ranked list have."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.evaluation._queries import FirstMetric
from headrace.fold.queries import QueriesResult

__all__ = ["RecallAtK"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class RecallAtK(FirstMetric):
    """The mean over queries of the relevant rows among the first k, divided by all relevant ones; 0 where none is.

    Equal scores share their places.

    Parameters
    ----------
    k : int
        At least 1.

    Raises InvalidInput for a k below 1.

    Source: Manning, Raghavan and Schuetze, "Introduction to Information Retrieval" (2008), chapter 8.
    """

    def of_queries(self, result: QueriesResult) -> Floats:
        """Relevant rows in the first k places, by all."""
        found, relevant = self.found(result)
        return np.where(relevant > 0.0, found / np.where(relevant > 0.0, relevant, 1.0), 0.0)

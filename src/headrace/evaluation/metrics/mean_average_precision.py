"""Mean average precision: how early a ranked list has what is relevant."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.evaluation._queries import QueryMetric
from headrace.fold.queries import QueriesResult

__all__ = ["MeanAveragePrecision"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanAveragePrecision(QueryMetric):
    """The mean over queries of average precision: precision at the place of each relevant row, averaged.

    Equal scores are one place, as in scikit-learn's `average_precision_score`; 0 for a query of which no row is
    relevant.

    Source: Manning, Raghavan and Schuetze, "Introduction to Information Retrieval" (2008), chapter 8.
    """

    def of_queries(self, result: QueriesResult) -> Floats:
        """Precision where relevant rows come, by how many come there."""
        runs = self.ties(result)
        through = np.cumsum(runs.relevant)
        starts = np.searchsorted(runs.query, runs.query)
        before = np.where(starts > 0, through[starts - 1], 0.0) if len(through) else through
        precision = (through - before) / (runs.first + runs.size)
        summed = self.sums(precision * runs.relevant, runs.query, result)
        relevant = self.sums(runs.relevant, runs.query, result)
        return np.where(relevant > 0.0, summed / np.where(relevant > 0.0, relevant, 1.0), 0.0)

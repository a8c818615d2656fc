"""NDCG: how much of what could be gained from a ranked list is gained, early places counting most."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.evaluation._queries import QueryMetric, check_k
from headrace.fold.queries import QueriesResult

__all__ = ["Ndcg"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Ndcg(QueryMetric):
    """The mean over queries of the discounted gain of a ranking, divided by that of the best ranking there is.

    A label is a gain, divided by log2(1 + rank); 0 for a query of which no row is relevant. Equal scores share their
    places.

    Parameters
    ----------
    k : int or None
        How many places count; None = all.

    Raises InvalidInput for a k below 1.

    Source: Jarvelin and Kekalainen, "Cumulated gain-based evaluation of IR techniques" (2002); McSherry and Najork
    (2008) for ties; scikit-learn's `ndcg_score`.

    >>> Ndcg(k=10).k
    10
    """

    k: Any = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_k(self.k, "ndcg", is_optional=True)

    def of_queries(self, result: QueriesResult) -> Floats:
        """Gain by gain of the best order."""
        sizes = np.diff(result.starts)
        longest = int(sizes.max(initial=0))
        discount = 1.0 / np.log2(np.arange(longest) + 2.0)
        if self.k is not None:
            discount[self.k :] = 0.0
        through = np.concatenate([[0.0], np.cumsum(discount)])
        runs = self.ties(result)
        shared = (through[runs.first + runs.size] - through[runs.first]) / runs.size
        gained = self.sums(runs.label * shared, runs.query, result)
        row_query = np.repeat(np.arange(len(sizes)), sizes)
        order = np.lexsort((-result.label, row_query))
        place = np.arange(len(row_query)) - result.starts[row_query]
        best = self.sums(result.label[order] * discount[place], row_query, result)
        return np.where(best > 0.0, gained / np.where(best > 0.0, best, 1.0), 0.0)

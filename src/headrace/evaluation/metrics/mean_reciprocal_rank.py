"""Mean reciprocal rank: how early the first relevant row of a ranked list comes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.evaluation._queries import QueryMetric
from headrace.fold.queries import QueriesResult

__all__ = ["MeanReciprocalRank"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MeanReciprocalRank(QueryMetric):
    """The mean over queries of 1 / the rank of the first relevant row; 0 where none is relevant.

    Rows of the same score as that row count as before it: a model gains nothing by not deciding.

    Source: Voorhees, "The TREC-8 question answering track report" (1999).
    """

    def of_queries(self, result: QueriesResult) -> Floats:
        """One by the last place of the first run with a relevant row."""
        runs = self.ties(result)
        found = np.zeros(len(result.group))
        hits = np.flatnonzero(runs.relevant > 0.0)
        queries, first = np.unique(runs.query[hits], return_index=True)
        places = hits[first]
        found[queries] = 1.0 / (runs.first[places] + runs.size[places])
        return found

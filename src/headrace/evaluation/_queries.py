"""Metrics of ranked lists: one value for each query, and their mean."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.evaluation._contract import Metric, ratio
from headrace.fold import Fold
from headrace.fold.queries import Queries, QueriesResult

__all__ = ["QUERY", "FirstMetric", "QueryMetric", "Ties", "check_k"]

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

QUERY = "@query"


class Ties(NamedTuple):
    """The rows of all queries in runs of equal scores: no order among these is given.

    Parameters
    ----------
    query : int64[num_runs]
        The query of each run.
    first, size : int64[num_runs]
        How many rows of the query are ranked before it, and how many it has.
    label, relevant : float64[num_runs]
        The sum of its labels, and how many are above 0.
    """

    query: Counts
    first: Counts
    size: Counts
    label: Floats
    relevant: Floats


@dataclass(frozen=True, kw_only=True)
class QueryMetric(Metric):
    """A metric of ranked lists: write `of_queries`.

    Labels say how relevant a row is, at least 0; above 0 is relevant. Rows of equal score have no order among them: a
    metric counts the mean over all orders, unless it says otherwise. Asked for with `query=`, by which rows are ranked
    among each other; a query counts as the mean weight of its rows. Intervals are drawn again 200 times, whole queries
    at a time: rows of one query are no independent witnesses.
    """

    has_numbers: ClassVar[bool] = False
    has_queries: ClassVar[bool] = True
    is_binary: ClassVar[bool] = False
    higher_is_better: ClassVar[bool] = True
    limits: ClassVar[tuple[float, float]] = (0.0, 1.0)

    @abstractmethod
    def of_queries(self, result: QueriesResult) -> Floats:
        """The metric of each query, float64[num_queries]."""

    def needs(self, label: str, prediction: str) -> Fold[Any, Any]:
        """The ranked rows of each query."""
        return Queries(label, prediction, QUERY)

    def value(self, result: QueriesResult) -> Floats:
        """The weighted mean over queries."""
        found = self.of_queries(result) * result.query_weight
        totals = [
            np.bincount(result.group, weights=one, minlength=len(result.num_rows)).astype(np.float64)
            for one in (found, result.query_weight)
        ]
        return ratio(*totals)

    @staticmethod
    def sums(values: Floats, places: Counts, result: QueriesResult) -> Floats:
        """Sums by query of what runs or rows at these queries have."""
        return np.bincount(places, weights=values, minlength=len(result.group)).astype(np.float64)

    @staticmethod
    def ties(result: QueriesResult) -> Ties:
        """The runs of equal scores, in order."""
        sizes = np.diff(result.starts)
        row_query = np.repeat(np.arange(len(sizes)), sizes)
        is_new = np.ones(len(row_query), np.bool_)
        is_new[1:] = (row_query[1:] != row_query[:-1]) | (result.score[1:] != result.score[:-1])
        begin = np.flatnonzero(is_new)
        run = np.cumsum(is_new) - 1
        size = np.diff(np.append(begin, len(row_query)))
        query = row_query[begin]
        label, relevant = (
            np.bincount(run, weights=one, minlength=len(begin)).astype(np.float64)
            for one in (result.label, (result.label > 0.0).astype(np.float64))
        )
        return Ties(query, begin - result.starts[query], size, label, relevant)


@dataclass(frozen=True, kw_only=True)
class FirstMetric(QueryMetric):
    """A metric of the relevant rows among the first k places of a list: write `of_queries`, from `self.found(result)`.

    Parameters
    ----------
    k : int
        At least 1.

    Raises InvalidInput for a k below 1.
    """

    k: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_k(self.k, type(self).__module__.rpartition(".")[2])

    def found(self, result: QueriesResult) -> tuple[Floats, Floats]:
        """By query the relevant rows in the first k places, equal scores sharing theirs, and all relevant rows."""
        runs = self.ties(result)
        inside = np.clip(self.k - runs.first, 0, runs.size) / runs.size
        return self.sums(runs.relevant * inside, runs.query, result), self.sums(runs.relevant, runs.query, result)


def check_k(k: object, where: str, *, is_optional: bool = False) -> None:
    """Raise InvalidInput for a k that is no whole number from 1 on."""
    if is_optional and k is None:
        return
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise InvalidInput(f"k = {k!r}", where=where, expected="a whole number from 1 on")

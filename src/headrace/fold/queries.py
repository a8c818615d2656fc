"""Queries: the rows of each query, ranked: what metrics of ranked lists read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold._scored import Floats, read_scored

__all__ = ["Queries", "QueriesResult", "QueriesState"]

Counts = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]


@dataclass
class QueriesState(State):
    """The rows themselves, by group, query, falling score, then label and weight: any order of rows gives these bytes.

    `num_rows`, `num_invalid` int64[num_groups]; `offsets` int64[num_groups + 1]; `query` uint64[n]; `score`, `label`,
    `weight` float64[n]. Size: 32 bytes a row.
    """

    num_rows: Counts
    num_invalid: Counts
    offsets: Counts
    query: Keys
    score: Floats
    label: Floats
    weight: Floats

    def __post_init__(self) -> None:
        # What was added but not yet sorted in: (group, query, score, label, weight) of each batch.
        self.waiting: list[tuple[Groups, Keys, Floats, Floats, Floats]] = []

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.num_rows)

    def parts(self) -> list[tuple[Groups, Keys, Floats, Floats, Floats]]:
        """All rows, those that wait last."""
        groups = np.repeat(np.arange(self.num_groups, dtype=np.int32), np.diff(self.offsets))
        return [(groups, self.query, self.score, self.label, self.weight), *self.waiting]

    def canonical(self) -> QueriesState:
        """This state, with all that waits sorted in."""
        if self.waiting:
            parts = list(zip(*self.parts(), strict=True))
            group, query, score, label, weight = (np.concatenate(part) for part in parts)
            order = np.lexsort((weight, label, -score, query, group))
            self.offsets = np.searchsorted(group[order], np.arange(self.num_groups + 1)).astype(np.int64)
            self.query, self.score, self.label, self.weight = query[order], score[order], label[order], weight[order]
            self.waiting = []
        return self


@dataclass(frozen=True)
class QueriesResult:
    """The queries of all groups, and their rows by falling score.

    Parameters
    ----------
    num_rows, num_invalid : int64[num_groups]
        Rows with a label, and those among them that could not be counted; where above 0 all that follows is NaN.
    weight, positive : float64[num_groups]
        Sum of the queries' weights; `positive` is the weighted sum of labels.
    group : int32[num_queries]
        The group of each query.
    query_weight : float64[num_queries]
        The mean weight of its rows.
    starts : int64[num_queries + 1]
        Where its rows are.
    score, label : float64[n]
        Of the rows.
    """

    num_rows: Counts
    num_invalid: Counts
    weight: Floats
    positive: Floats
    group: Groups
    query_weight: Floats
    starts: Counts
    score: Floats
    label: Floats


@dataclass(frozen=True)
class Queries(Fold[QueriesState, QueriesResult]):
    """The rows of each query, by falling score.

    Parameters
    ----------
    label, prediction : str
        Columns of numbers: how relevant a row is, at least 0, and its score. A null or NaN label leaves a row out; a
        negative or infinite one, or no score, makes it invalid.
    query : str
        A column of uint64: rows of one number are ranked among each other.

    Cost: about 300 ns a row, to sort; 32 bytes a row.

    >>> import pyarrow as pa
    >>> columns = {"label": [1.0, 0.0], "prediction": [0.1, 0.9], "@query": pa.array([7, 7], pa.uint64())}
    >>> fold = Queries()
    >>> fold.extract(fold.add(fold.create(1), Rows(pa.RecordBatch.from_pydict(columns)), None)).label.tolist()
    [0.0, 1.0]
    """

    label: str = "label"
    prediction: str = "prediction"
    query: str = "@query"

    @property
    def columns(self) -> tuple[str, ...]:
        """Label, prediction and query."""
        return (self.label, self.prediction, self.query)

    def create(self, num_groups: int) -> QueriesState:
        """A state of no rows."""
        zeros, nothing = np.zeros(num_groups + 1, np.int64), np.zeros(0)
        keys = np.zeros(0, np.uint64)
        return QueriesState(zeros[1:].copy(), zeros[1:].copy(), zeros, keys, nothing, nothing.copy(), nothing.copy())

    def add(self, state: QueriesState, rows: Rows, groups: Groups | None) -> QueriesState:
        """Add rows; changes `state`."""
        scored = read_scored(rows, self.label, self.prediction, groups, is_binary=False)
        if not scored.num_rows:
            return state
        valid = scored.label >= 0.0
        valid &= np.isfinite(scored.prediction)
        if scored.is_valid is not None:
            valid &= scored.is_valid
        column = rows.batch.column(self.query)
        if column.type != pa.uint64() or column.null_count:
            raise InvalidInput(f"column {self.query!r} is of type {column.type}", expected="uint64 without nulls")
        keys = np.frombuffer(column.buffers()[1], np.uint64, count=column.offset + len(column))[column.offset :]
        keys = keys if scored.index is None else keys[scored.index]
        state.num_rows += np.bincount(scored.groups, minlength=state.num_groups)
        state.num_invalid += np.bincount(scored.groups[~valid], minlength=state.num_groups)
        weight = np.ones(scored.num_rows) if scored.weight is None else scored.weight
        found = (scored.groups, keys, scored.prediction, scored.label, weight)
        if valid.all():
            state.waiting.append(found)
        else:
            state.waiting.append(tuple(one[valid] for one in found))  # type: ignore[arg-type]
        return state

    def merge(self, left: QueriesState, right: QueriesState, groups: Groups) -> QueriesState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        np.add.at(left.num_rows, groups, right.num_rows)
        np.add.at(left.num_invalid, groups, right.num_invalid)
        left.waiting += [(groups[part[0]], *part[1:]) for part in right.parts() if len(part[0])]
        return left

    def extract(self, state: QueriesState) -> QueriesResult:
        """The queries of each group."""
        state = state.canonical()
        group = np.repeat(np.arange(state.num_groups, dtype=np.int32), np.diff(state.offsets))
        is_new = np.ones(len(group), np.bool_)
        is_new[1:] = (group[1:] != group[:-1]) | (state.query[1:] != state.query[:-1])
        starts = np.append(np.flatnonzero(is_new), len(group)).astype(np.int64)
        size = np.maximum(np.diff(starts), 1)
        query_weight = _sums(state.weight, starts) / size
        of_query = group[starts[:-1]]
        totals = [
            np.bincount(at, weights=one, minlength=state.num_groups).astype(np.float64)
            for at, one in ((of_query, query_weight), (group, state.weight * state.label))
        ]
        for one in totals:
            one[state.num_invalid > 0] = np.nan
        weight, positive = totals
        return QueriesResult(
            state.num_rows,
            state.num_invalid,
            weight,
            positive,
            of_query,
            query_weight,
            starts,
            state.score,
            state.label,
        )


def _sums(values: Floats, starts: Counts) -> Floats:
    """Sums of consecutive values, one after the other: the same bits on every machine."""
    places = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return np.bincount(places, weights=values, minlength=len(starts) - 1).astype(np.float64)

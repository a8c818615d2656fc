"""Queries: the rows of each query, ranked, whatever order they came in."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput
from headrace.fold import Rows
from headrace.fold.queries import Queries
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


def _keyed(rows):
    keys = [0 if value is None else abs(value) % 3 for value in rows.batch.column("key").to_pylist()]
    columns = [rows.batch.column(name) for name in ("label", "prediction")]
    batch = pa.RecordBatch.from_arrays([*columns, pa.array(keys, pa.uint64())], ["label", "prediction", "@query"])
    return Rows(batch, rows.row_id, rows.weight)


class TestLaws(FoldLaws):
    """The laws, on any labels and scores, of three queries."""

    folds: ClassVar = [Queries()]
    rows = strategies.rows({"label": "number", "prediction": "number", "key": "integer"}).map(_keyed)


def ranked(label, score, query, weight=None):
    """The result of one batch."""
    columns = {"label": label, "prediction": score, "@query": pa.array(query, pa.uint64())}
    fold = Queries()
    weights = None if weight is None else np.array(weight, np.float64)
    return fold.extract(fold.add(fold.create(1), Rows(pa.RecordBatch.from_pydict(columns), None, weights), None))


def test_rows_fall_by_score_in_their_query():
    """A query's weight is the mean of its rows'; a row without a label is left out."""
    found = ranked([1.0, 0.0, 2.0, None], [0.1, 0.9, 0.5, 0.7], [7, 7, 3, 3], [1.0, 3.0, 5.0, 9.0])
    assert found.starts.tolist() == [0, 1, 3]
    assert found.label.tolist() == [2.0, 0.0, 1.0] and found.score.tolist() == [0.5, 0.9, 0.1]
    assert found.query_weight.tolist() == [5.0, 2.0] and found.weight.tolist() == [7.0]


def test_what_cannot_be_ranked_makes_it_nan():
    """A negative label, a missing or infinite score; a query column of another type is refused."""
    for label, score in ((-1.0, 0.5), (1.0, None), (1.0, float("inf"))):
        found = ranked([label, 1.0], [score, 0.5], [1, 1])
        assert found.num_invalid.tolist() == [1] and np.isnan(found.weight).all()
    with pytest.raises(InvalidInput, match="uint64 without nulls"):
        ranked([1.0], [0.5], [None])

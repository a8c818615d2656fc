"""FaultCounts: the laws of folds, and the counts of an independent oracle."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.canonical import from_canonical, to_canonical
from headrace.engine import build, describe
from headrace.fold import Rows
from headrace.schema import Feature
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws
from headrace.validation._faults import FaultCounts

NUMBER = FaultCounts(
    Feature("x", "number", min_present=1, min=-1, max=1, allow_nan=False), ("nan", "presence", "range")
)
TEXT = FaultCounts(Feature("t", "text", min_present=1, domain=("", "a", "é")), ("domain", "presence"))
MOMENT = FaultCounts(Feature("w", "timestamp", min=0, max=10**9), ("range",))


class TestFaultCounts(FoldLaws):
    """Counts of faults are a fold like any other."""

    folds = [NUMBER, TEXT, MOMENT]  # noqa: RUF012  # the suite's own form
    rows = strategies.rows({"x": "number", "t": "text", "w": "timestamp"})


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.data())
def test_counts_are_those_of_plain_python(data: st.DataObject) -> None:
    """For any column the counts are what a loop over its Python values counts."""
    rows = data.draw(strategies.rows({"x": "number", "t": "text"}))
    numbers, texts = rows.batch.column("x").to_pylist(), rows.batch.column("t").to_pylist()
    found = NUMBER.extract(NUMBER.add(NUMBER.create(1), rows, None))[0].tolist()
    assert found == [
        len(numbers),
        sum(value is not None and math.isnan(value) for value in numbers),
        sum(value is None for value in numbers),
        sum(value is not None and (value < -1 or value > 1) for value in numbers),
    ]
    found = TEXT.extract(TEXT.add(TEXT.create(1), rows, None))[0].tolist()
    outside = sum(value not in ("", "a", "é", None) for value in texts)
    assert found == [len(texts), outside, sum(value is None for value in texts)]


def test_the_fold_travels() -> None:
    """As plain data and back it is the same fold, its feature too, so it runs on another machine."""
    for fold in (NUMBER, TEXT, MOMENT):
        assert build(from_canonical(to_canonical(describe(fold)))) == fold


def test_groups_count_alone() -> None:
    """Each group has its own counts, and rows of a negative group are in none."""
    batch = pa.record_batch({"t": pa.array(["a", "b", None, "b"])})
    groups = np.array([0, 1, 1, -1], np.int32)
    state = TEXT.add(TEXT.create(3), Rows(batch), groups)
    assert TEXT.extract(state).tolist() == [[1, 0, 0], [2, 1, 1], [0, 0, 0]]

"""Totals: every law of folds, and sums against Python's own exact ones."""

import math
from typing import ClassVar

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.fold import Rows, Totals
from headrace.testing.fold_laws import FoldLaws

VALUES = st.lists(st.none() | st.floats(-1e9, 1e9) | st.just(math.nan), max_size=20)


def _rows(values):
    return Rows(pa.record_batch([pa.array(values, pa.float64())], ["x"]))


class TestTotals(FoldLaws):
    """Numbers with nulls and NaN."""

    folds: ClassVar = (Totals("x"),)
    rows: ClassVar = VALUES.map(_rows)


def test_exact_sums():
    """Cancelling values leave what a float sum would lose."""
    fold = Totals("x")
    result = fold.extract(fold.add(fold.create(1), _rows([1e14, 0.25, -1e14, None, math.nan, 0.5]), None))
    assert (result.num_values.tolist(), result.total.tolist()) == ([4], [0.75])


@pytest.mark.parametrize("value", [2.0**50, -1e300, math.inf])
def test_too_large(value):
    """A value the words cannot hold is refused."""
    fold = Totals("x")
    with pytest.raises(InvalidInput, match="too large"):
        fold.add(fold.create(1), _rows([value]), None)

"""ByKey: every law of folds, each key alone, and parts by row id."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.fold import ByKey, Distribution, Rows, Totals, lift, part_of
from headrace.testing.fold_laws import FoldLaws

KEYS = st.none() | st.sampled_from(["a", "b", "é", ""])
TABLES = st.lists(st.tuples(KEYS, st.none() | st.integers(-3, 3), st.none() | st.floats(-9, 9)), max_size=14)


def _rows(table):
    columns = list(zip(*table, strict=True)) or [[], [], []]
    arrays = [
        pa.array(column, kind) for column, kind in zip(columns, (pa.string(), pa.int64(), pa.float64()), strict=True)
    ]
    row_id = np.arange(len(table), dtype=np.uint64) * 7919
    return Rows(pa.record_batch(arrays, ["k", "i", "x"]), row_id)


class TestByKey(FoldLaws):
    """Keys of text and integers, with and without parts."""

    folds: ClassVar = (
        lift(ByKey(Totals("x"), "k", "text")),
        lift(ByKey(Totals("x"), "i", "integer", num_parts=3)),
        lift(ByKey(Distribution("x", "number"), "k", "text")),
    )
    rows: ClassVar = TABLES.map(_rows)


def test_each_key_alone():
    """A key's result is that of its rows; a null key counts for the whole alone; parts follow the row id."""
    random = np.random.default_rng(2)
    keys = random.choice(["a", "b", None], 300)
    table = list(zip(keys.tolist(), [None] * 300, random.normal(size=300).round(3).tolist(), strict=True))
    rows = _rows(table)
    fold = ByKey(Totals("x"), "k", "text", num_parts=4)
    result = fold.extract(fold.add(fold.create(), rows))
    parts = part_of(rows.row_id, 4)
    assert result.keys == ("a", "b")
    for place, key in enumerate(result.keys):
        for part in range(4):
            expected = [value for (own, _, value), home in zip(table, parts, strict=True) if (own, home) == (key, part)]
            group = place * 4 + part
            assert result.by_key.num_values[group] == len(expected)
            assert result.by_key.total[group] == pytest.approx(sum(expected), abs=1e-9)
    assert result.whole.num_values.sum() == 300


def test_no_kind_of_key():
    """A number is no key."""
    with pytest.raises(InvalidInput, match="no kind of key"):
        ByKey(Totals("x"), "x", "number")

"""row_count: so many rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.schema import DatasetLimits, Feature, Schema
from headrace.validation import validate


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (DatasetLimits(min_rows=3, max_rows=3), ""),
        (DatasetLimits(min_rows=4), "at least 4"),
        (DatasetLimits(max_rows=2), "at most 2"),
        (DatasetLimits(min_rows=0), ""),
    ],
)
def test_both_ends_are_included(limits, said):
    """Three rows against each limit."""
    found = validate(
        Dataset.from_arrow(pa.table({"a": [1, 2, None]})), Schema((Feature("a", "integer"),), dataset=limits)
    )
    assert found.ok == (not said)
    if said:
        (item,) = found.errors
        assert item.name == "row_count" and item.value == 3 and said in item.message


def test_rows_set_aside_do_not_count():
    """Two of three rows are left, where three are asked for."""
    schema = Schema((Feature("a", "integer", min_present=1.0),), dataset=DatasetLimits(min_rows=3))
    found = validate(Dataset.from_arrow(pa.table({"a": [1, 2, None]})), schema, quarantine=True)
    assert [item.name for item in found.errors] == ["row_count"]

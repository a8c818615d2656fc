"""nan: no NaN where the schema does not allow it."""

from __future__ import annotations

import math

import pyarrow as pa

from headrace.schema import Feature
from headrace.testing.check_cases import RowCheckCases
from headrace.validation.checks.nan import NaN
from tests.validation.spans import item_of, judge

COLUMN = [1.0, math.nan, None]


class TestNaN(RowCheckCases):
    """The laws of checks of rows."""

    check = NaN
    feature = Feature("x", "number", allow_nan=False)
    right = (1.0, None, math.inf)
    wrong = (math.nan,)


def test_fires_where_nan_is_not_allowed() -> None:
    """NaN is an error; a null is not NaN."""
    item = item_of(judge({"x": COLUMN}, Feature("x", "number", allow_nan=False)), "nan")
    assert item is not None and (item.severity, item.value, item.threshold) == ("error", 1 / 3, 0.0)
    assert [row.row_index for row in item.rows] == [1]


def test_does_not_fire_where_allowed_or_absent() -> None:
    """Allowed NaN is fine, and so are infinities and half precision."""
    assert judge({"x": COLUMN}, Feature("x", "number")).ok
    assert judge({"x": pa.array([math.inf, None], pa.float32())}, Feature("x", "number", allow_nan=False)).ok

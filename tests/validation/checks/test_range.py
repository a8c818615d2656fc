"""range: numbers and moments between two ends, both included."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from headrace.schema import Feature
from headrace.testing.check_cases import RowCheckCases
from headrace.validation.checks.range import Range
from tests.validation.spans import item_of, judge

DAY = 86_400_000_000


class TestRange(RowCheckCases):
    """The laws of checks of rows."""

    check = Range
    feature = Feature("x", "number", min=0, max=1)
    right = (0.0, 0.5, 1.0, None, math.nan)
    wrong = (-1e-9, 2.0, math.inf)


@pytest.mark.parametrize(
    ("feature", "column", "outside"),
    [
        (Feature("x", "number", min=0, max=1), [0.0, 1.0, -1e-9, None, math.nan, math.inf, -math.inf], [2, 5, 6]),
        (Feature("x", "number", max=1), pa.array([1.0, 1.5], pa.float32()), [1]),
        (Feature("x", "integer", min=2**53 + 1), [2**53, 2**53 + 1, None], [0]),
        (Feature("x", "integer", min=0), pa.array([0, 255], pa.uint8()), []),
        (Feature("x", "timestamp", min=0, max=DAY), pa.array([-1, 0, 1, 2, None], pa.date32()), [0, 3]),
        (Feature("x", "timestamp", max=1), pa.array([1000, 2001], pa.timestamp("ns", "Europe/Berlin")), [1]),
    ],
)
def test_fires_outside_alone(feature: Feature, column: Any, outside: list[int]) -> None:
    """Values beyond an end are an error; the ends, nulls and NaN are not; 64-bit integers are compared exactly."""
    item = item_of(judge({"x": column}, feature), "range")
    assert [row.row_index for row in item.rows] == outside if item is not None else not outside
    if item is not None:
        assert (item.severity, item.value, item.threshold) == ("error", len(outside) / len(column), 0.0)


def test_moments_are_shown_as_people_write_them() -> None:
    """A moment at fault, and the range it should be in, are RFC 3339."""
    item = item_of(judge({"x": pa.array([0], pa.timestamp("s"))}, Feature("x", "timestamp", min=DAY)), "range")
    assert item is not None and item.rows[0].value == "1970-01-01T00:00:00Z"
    assert "1970-01-01T00:00:00Z; the schema asks for at least 1970-01-02T00:00:00Z" in item.message

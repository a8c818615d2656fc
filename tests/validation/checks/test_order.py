"""order: values rise or fall from row to row."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import _dataset
from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.order import Order
from tests.validation.spans import item_of, judge, of_spans


class TestOrder(CheckCases):
    """The laws of checks: each span by itself, so that the next may begin anywhere."""

    check = Order
    features = (Feature("x", "integer", order="increasing"),)
    right: ClassVar = {"jan": pa.table({"x": [1, None, 1, 5]}), "feb": pa.table({"x": [0, 3]})}
    wrong: ClassVar = {"jan": pa.table({"x": [1, 5, None, 4]}), "feb": pa.table({"x": [0, 3]})}


NAN = float("nan")


@pytest.mark.parametrize(
    ("order", "values", "wrong"),
    [
        ("increasing", [1.0, 1.0, NAN, None, 0.5, 2.0], [4]),
        ("strictly_increasing", [1.0, 1.0, 2.0, 1.5], [1, 3]),
        ("decreasing", [3.0, 3.0, None, 4.0, 1.0], [3]),
        ("strictly_decreasing", [3.0, 3.0, 2.0], [1]),
        ("increasing", [None, NAN], []),
        ("strictly_increasing", [1.0], []),
    ],
)
def test_by_hand(order, values, wrong):
    """Nulls and NaN are passed over; the rows that lie wrong to the one before are named."""
    item = item_of(judge({"x": values}, Feature("x", "number", order=order)), "order")
    assert (item is None) == (not wrong)
    if item is not None:
        assert item.value == len(wrong) and [row.row_index for row in item.rows] == wrong


def test_batches_cannot_be_seen(monkeypatch):
    """A step down between two batches is found, and only there."""
    monkeypatch.setattr(_dataset, "BATCH_ROWS", 2)
    data = of_spans({"a": {"x": [1, 2, 1, 3, None, 2]}})
    item = item_of(judge(data, Feature("x", "integer", order="increasing")), "order")
    assert item is not None and [row.row_index for row in item.rows] == [2, 5]


def test_moments_have_an_order():
    """Timestamps are compared exactly, to the microsecond."""
    column = pa.array([10**15, 10**15 + 1, 10**15], pa.timestamp("us", "UTC"))
    item = item_of(judge(pa.table({"x": column}), Feature("x", "timestamp", order="strictly_increasing")), "order")
    assert item is not None and item.rows[0].value == "2001-09-09T01:46:40Z"

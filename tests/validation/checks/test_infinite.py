"""infinite: numbers are finite where the schema says so."""

from __future__ import annotations

from headrace.schema import Feature
from headrace.testing.check_cases import RowCheckCases
from headrace.validation.checks.infinite import Infinite
from tests.validation.spans import item_of, judge


class TestInfinite(RowCheckCases):
    """The laws of checks of rows."""

    check = Infinite
    feature = Feature("x", "number", allow_infinite=False)
    right = (0.0, 1e308, float("nan"), None)
    wrong = (float("inf"), float("-inf"))


def test_by_hand():
    """One of four rows."""
    item = item_of(judge({"x": [1.0, float("inf"), None, 2.0]}, TestInfinite.feature), "infinite")
    assert item is not None and item.value == 0.25

"""empty_span: a span without a row, beside others that have some, is a warning."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.empty_span import EmptySpan
from tests.validation.spans import item_of, judge, of_spans

EMPTY = {"a": pa.array([], pa.int64())}


class TestEmptySpan(CheckCases):
    """The laws of checks of shape."""

    check = EmptySpan
    features = (Feature("a", "integer"),)
    right: ClassVar = {"jan": pa.table({"a": [1]}), "feb": pa.table({"a": [None, 1]})}
    wrong: ClassVar = {"jan": pa.table({"a": [1]}), "feb": pa.table(EMPTY)}


def test_fires_for_an_empty_span_among_others() -> None:
    """The empty ones are named; the data set is accepted."""
    found = judge(of_spans({"jan": {"a": [1, None]}, "feb": EMPTY, "mar": EMPTY}), Feature("a", "integer"))
    item = item_of(found, "empty_span")
    assert found.ok and item is not None and (item.severity, item.value) == ("warning", 2)
    assert item.message == "spans feb, mar have no rows: was the file delivered whole?"


def test_does_not_fire_for_none_or_all() -> None:
    """No empty span: no item. Nothing but empty spans: that is no_rows."""
    assert item_of(judge({"a": [1]}, Feature("a", "integer")), "empty_span") is None
    found = judge(of_spans({"jan": EMPTY, "feb": EMPTY}), Feature("a", "integer"))
    assert item_of(found, "empty_span") is None and item_of(found, "no_rows") is not None


def test_it_is_told_first_and_alone() -> None:
    """A file of a header alone has columns without a type: one warning says what happened, not one a column."""
    void = pa.table({"a": pa.nulls(0), "b": pa.nulls(0)})
    data = of_spans({"jan": {"a": [1, None], "b": [1.5, 2.5]}, "feb": void})
    found = judge(data, Feature("a", "integer"), Feature("b", "number", max=2))
    assert [item.name for item in found.items if item.severity != "info"] == ["range:b", "empty_span"]

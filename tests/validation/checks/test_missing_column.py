"""missing_column: every feature is a column of every span."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.missing_column import MissingColumn
from tests.validation.spans import item_of, judge, of_spans

A, B = Feature("a", "integer"), Feature("b", "text")


class TestMissingColumn(CheckCases):
    """The laws of checks of shape."""

    check = MissingColumn
    features = (
        A,
        B,
    )
    right: ClassVar = {"jan": pa.table({"b": ["x"], "a": [1]}), "feb": pa.table({"a": [2], "b": [None]})}
    wrong: ClassVar = {"jan": pa.table({"a": [1], "b": ["x"]}), "feb": pa.table({"a": [2]})}


def test_fires_where_no_span_has_it() -> None:
    """A column that is nowhere is one error that says so."""
    item = item_of(judge({"a": [1, None]}, A, B), "missing_column")
    assert item is not None and (item.feature, item.severity, item.value, item.threshold) == ("b", "error", 1, 0)
    assert item.message == "column 'b' is missing in span all; deliver it, or take it out of the schema"


def test_names_the_one_span_that_lacks_it() -> None:
    """A column missing in one span is named with that span, and rows of the others are judged all the same."""
    tables = {"jan": {"a": [1], "b": ["x"]}, "feb": {"a": [2]}, "mar": {"a": [3], "b": pa.array([None], pa.string())}}
    validation = judge(of_spans(tables), Feature("a", "integer", max=2), Feature("b", "text", min_present=1.0))
    item = item_of(validation, "missing_column")
    assert item is not None and "'b' is missing in span feb" in item.message and item.value == 1
    assert [error.code for error in validation.errors] == ["range", "missing_column", "presence"]


def test_does_not_fire_where_all_have_it() -> None:
    """Columns in another order, in every span, are all there."""
    data = of_spans({"jan": {"a": [1], "b": ["x"]}, "feb": {"b": [None], "a": [2]}})
    assert item_of(judge(data, A, B), "missing_column") is None


def test_a_feature_that_is_not_in_the_environment_may_be_missing() -> None:
    """A label need not be there at serving, and must be in training."""
    label = Feature("late", "boolean", not_in=("serving",))
    assert item_of(judge({"a": [1]}, A, label, environment="serving"), "missing_column") is None
    assert item_of(judge({"a": [1]}, A, label), "missing_column") is not None


def test_proposes_the_new_column_in_its_place() -> None:
    """One new column of the same kind in the span that lacks it may be the same: the line to type is shown."""
    tables = {"jan": {"a": [1, None], "b": ["x", "y"]}, "feb": {"a": [2, 3], "c": ["x", None], "d": [1, 2]}}
    item = item_of(judge(of_spans(tables), A, B), "missing_column")
    assert item is not None
    assert item.message.endswith("if 'c', which is new there, is the same: hr.ingest(..., rename={'c': 'b'})")

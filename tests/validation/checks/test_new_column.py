"""new_column: a column nobody has described is told, and withholds nothing."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.new_column import NewColumn
from tests.validation.spans import item_of, judge, of_spans

A = Feature("a", "integer")


class TestNewColumn(CheckCases):
    """The laws of checks of shape."""

    check = NewColumn
    features = (A,)
    right: ClassVar = {"jan": pa.table({"a": [1]})}
    wrong: ClassVar = {"jan": pa.table({"a": [1]}), "feb": pa.table({"a": [1], "b": ["x"]})}


def test_warns_of_a_column_the_schema_lacks() -> None:
    """A new column is a warning with its kind, and the data set is accepted."""
    validation = judge({"a": [1], "b": ["x"]}, A)
    item = item_of(validation, "new_column")
    assert item is not None and (item.feature, item.severity, item.value) == ("b", "warning", "text")
    assert validation.ok and "text (string), in span all" in item.message


def test_names_the_span_it_appears_in() -> None:
    """A column that appears in one span is named with that span."""
    item = item_of(judge(of_spans({"jan": {"a": [1]}, "feb": {"a": [2], "b": [0.5]}}), A), "new_column")
    assert item is not None and "number (double), in span feb" in item.message


def test_does_not_fire_for_columns_of_the_schema() -> None:
    """A column known in another environment is not new."""
    label = Feature("late", "boolean", not_in=("serving",))
    assert item_of(judge({"a": [1], "late": [True]}, A, label, environment="serving"), "new_column") is None

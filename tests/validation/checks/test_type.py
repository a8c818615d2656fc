"""type: a column is of its feature's kind, and of one type in all spans."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.kinds import Kind
from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.type import Type
from tests.validation.spans import item_of, judge, of_spans


class TestType(CheckCases):
    """The laws of checks of shape."""

    check = Type
    features = (Feature("a", "number"),)
    right: ClassVar = {"jan": pa.table({"a": [0.5]}), "feb": pa.table({"a": [None, 1.5]})}
    wrong: ClassVar = {"jan": pa.table({"a": [0.5]}), "feb": pa.table({"a": ["x"]})}


def test_fires_for_another_kind() -> None:
    """A column of another kind is one error with both kinds; its rows are not judged."""
    validation = judge({"a": ["1", None]}, Feature("a", "integer", min_present=1.0, min=0))
    item = item_of(validation, "type")
    assert item is not None and (item.severity, item.value, item.threshold) == ("error", "text", "integer")
    assert item.message == (
        "column 'a' is text (string) in span all; the schema says integer: "
        "deliver that, or change the schema to kind: text"
    )
    assert [error.code for error in validation.errors] == ["type"]


def test_names_the_one_span_of_another_kind() -> None:
    """A column of another kind in one span is named with span and type; rows of the other spans are judged."""
    tables = {"jan": {"a": [0.5]}, "feb": {"a": ["x"]}, "mar": {"a": [7.0]}}
    validation = judge(of_spans(tables), Feature("a", "number", max=5))
    item, other = item_of(validation, "type"), item_of(validation, "range")
    assert item is not None and "text (string) in span feb" in item.message
    assert other is not None and other.value == 0.5 and other.rows[0].span == "mar"


UTC, ZONE = pa.timestamp("us", "UTC"), pa.timestamp("us", "America/New_York")


@pytest.mark.parametrize(
    ("first", "second", "kind", "read_as"),
    [
        (pa.int32(), pa.int64(), "integer", "int64"),
        (pa.int32(), pa.float64(), "number", "double"),
        (UTC, ZONE, "timestamp", "timestamp[us, tz=UTC]"),
        (pa.null(), pa.float32(), "number", "float"),
    ],
)
def test_warns_of_types_that_go_together(first: pa.DataType, second: pa.DataType, kind: Kind, read_as: str) -> None:
    """Types that can be read as one without loss are named, and read; the rows of both are judged."""
    data = of_spans({"jan": {"a": pa.array([None], first)}, "feb": {"a": pa.array([None], second)}})
    found = judge(data, Feature("a", kind))
    item = item_of(found, "type")
    assert found.ok and item is not None and item.severity == "warning"
    assert item.message == f"column 'a' is {first} in span jan but {second} in span feb; it is read as {read_as}"
    refused = judge(data, Feature("a", kind, min_present=1.0))
    assert "2 of 2 rows" in refused.errors[0].message


def test_fires_for_whole_numbers_that_became_fractions() -> None:
    """The message says what to change, and where."""
    data = of_spans({"jan": {"a": pa.array([1], pa.int32())}, "feb": {"a": [1.5]}})
    item = item_of(judge(data, Feature("a", "integer")), "type")
    assert item is not None and item.message == (
        "column 'a' is number (double) in span feb; the schema says integer: "
        "deliver that, or change the schema to kind: number"
    )
    assert judge(data, Feature("a", "number")).ok


def test_fires_for_moments_with_and_without_a_zone() -> None:
    """A moment without a zone does not say when it is: an error, though both are timestamps."""
    data = of_spans({"jan": {"a": pa.array([1], UTC)}, "feb": {"a": pa.array([1], pa.timestamp("us"))}})
    item = item_of(judge(data, Feature("a", "timestamp")), "type")
    assert item is not None and item.severity == "error"
    assert "timestamp[us] in span feb; moments without a zone" in item.message


def test_fires_for_integers_that_no_type_holds() -> None:
    """int8 beside uint64: neither holds the other."""
    data = of_spans({"jan": {"a": pa.array([1], pa.int8())}, "feb": {"a": pa.array([1], pa.uint64())}})
    item = item_of(judge(data, Feature("a", "integer")), "type")
    assert item is not None and item.severity == "error" and "no one type can hold both" in item.message


@pytest.mark.parametrize("data_type", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_does_not_fire_for_another_encoding(data_type: pa.DataType) -> None:
    """Text is text, however it is encoded, even from span to span."""
    data = of_spans({"jan": {"a": pa.array(["x", None], data_type)}, "feb": {"a": pa.array(["x"], pa.string())}})
    assert judge(data, Feature("a", "text", domain=("x",))).ok


def test_the_values_that_make_a_column_text_are_shown() -> None:
    """One word among numbers: which, in which row, of how many; nothing where all of them read as numbers."""
    words = {"jan": {"n": ["1", None, "forty", "2.5"]}, "feb": {"n": ["3", "x", "4", "4"]}}
    item = item_of(judge(of_spans(words), Feature("n", "number")), "type")
    assert item is not None and item.message.endswith("2 of 7 values are no number, the first 'forty'")
    assert [(row.span, row.row_index, row.value) for row in item.rows] == [("jan", 2, "forty"), ("feb", 1, "x")]
    item = item_of(judge(of_spans({"jan": {"n": ["1", "2"]}}), Feature("n", "number")), "type")
    assert item is not None and item.rows == () and "values" not in item.message
    item = item_of(judge(of_spans({"jan": {"n": ["x"] * 300}}), Feature("n", "number")), "type")
    assert item is not None and "100 values and more are no number" in item.message and len(item.rows) == 10

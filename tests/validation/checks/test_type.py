"""type: a column is of its feature's kind, and of one type in all spans."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.schema import Feature
from tests.validation.spans import item_of, judge, of_spans


def test_fires_for_another_kind() -> None:
    """A column of another kind is one error with both kinds; its rows are not judged."""
    validation = judge({"a": ["1", None]}, Feature("a", "integer", min_present=1.0, min=0))
    item = item_of(validation, "type")
    assert item is not None and (item.severity, item.value, item.threshold) == ("error", "text", "integer")
    assert item.message == "column 'a' is text (string) in span all; the schema says integer"
    assert [error.code for error in validation.errors] == ["type"]


def test_names_the_one_span_of_another_kind() -> None:
    """A column of another kind in one span is named with span and type; rows of the other spans are judged."""
    tables = {"jan": {"a": [0.5]}, "feb": {"a": ["x"]}, "mar": {"a": [7.0]}}
    validation = judge(of_spans(tables), Feature("a", "number", max=5))
    item, other = item_of(validation, "type"), item_of(validation, "range")
    assert item is not None and "text (string) in span feb" in item.message
    assert other is not None and other.value == 0.5 and other.rows[0].span == "mar"


def test_fires_for_one_kind_in_two_types() -> None:
    """int32 in one span and int64 in another cannot be read as one column: an error that names both."""
    data = of_spans({"jan": {"a": pa.array([1], pa.int32())}, "feb": {"a": pa.array([1], pa.int64())}})
    item = item_of(judge(data, Feature("a", "integer")), "type")
    assert item is not None and "int32 in span jan but int64 in span feb" in item.message


@pytest.mark.parametrize("data_type", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_does_not_fire_for_another_encoding(data_type: pa.DataType) -> None:
    """Text is text, however it is encoded, even from span to span."""
    data = of_spans({"jan": {"a": pa.array(["x", None], data_type)}, "feb": {"a": pa.array(["x"], pa.string())}})
    assert judge(data, Feature("a", "text", domain=("x",))).ok

"""column_order: columns come in the schema's order."""

from __future__ import annotations

from headrace.schema import DatasetLimits, Feature, Schema
from headrace.validation import validate
from tests.validation.spans import of_spans

FEATURES = (Feature("a", "integer"), Feature("b", "integer"), Feature("c", "integer"))


def _found(tables, *, asked=True):
    schema = Schema(FEATURES, dataset=DatasetLimits(has_column_order=asked))
    return [item for item in validate(of_spans(tables), schema).items if item.code == "column_order"]


def test_by_hand():
    """Exchanged columns in one span of two; the first that is out of place is named."""
    right, wrong = {"a": [1], "b": [None], "c": [2]}, {"a": [1], "c": [None], "b": [2]}
    (item,) = _found({"1": right, "2": wrong})
    assert (item.severity, item.value) == ("error", 1)
    assert item.message.endswith("in span 2: 'c' stands where 'b' should")
    assert _found({"1": right}) == [] and _found({"1": wrong}, asked=False) == []


def test_missing_and_new_columns_do_not_count():
    """They are findings of their own."""
    assert _found({"1": {"a": [1], "x": [1], "c": [None]}}) == []

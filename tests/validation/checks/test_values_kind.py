"""values_kind: a list's values are of the kind that the schema says."""

from typing import ClassVar

import pyarrow as pa

from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.values_kind import ValuesKind
from tests.validation.spans import item_of, judge


class TestValuesKind(CheckCases):
    """The laws of checks: numbers may be whole, texts may not be numbers."""

    check = ValuesKind
    features = (Feature("v", "other", values_kind="number"),)
    right: ClassVar = {"jan": pa.table({"v": [[1.5], None]}), "feb": pa.table({"v": [[1.0], []]})}
    wrong: ClassVar = {"jan": pa.table({"v": [["a"]]}), "feb": pa.table({"v": [["b"]]})}


def test_what_is_no_list():
    """A struct where lists are counted."""
    item = item_of(judge({"v": [{"a": 1}]}, Feature("v", "other", max_values=3)), "values_kind")
    assert item is not None and item.message.endswith("the schema says a list")
    assert judge({"v": [[1]]}, Feature("v", "other", values_kind="number")).ok

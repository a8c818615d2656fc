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
    features = (Feature("v", "list", values_kind="number"),)
    right: ClassVar = {"jan": pa.table({"v": [[1.5], None]}), "feb": pa.table({"v": [[1.0], []]})}
    wrong: ClassVar = {"jan": pa.table({"v": [["a"]]}), "feb": pa.table({"v": [["b"]]})}


def test_what_is_no_list():
    """A struct where a list should be is the finding of `type` alone; maps are lists of structs."""
    found = judge({"v": [{"a": 1}]}, Feature("v", "list", values_kind="text"))
    assert [item.code for item in found.errors] == ["type"] and item_of(found, "values_kind") is None
    assert judge({"v": [[1]]}, Feature("v", "list", values_kind="number")).ok
    maps = pa.table({"v": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))})
    assert judge(maps, Feature("v", "list", values_kind="struct")).ok

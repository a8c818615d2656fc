"""valency: lists hold so many values."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.schema import Feature
from headrace.validation.checks.valency import Valency
from tests.validation.spans import item_of, judge

FEATURE = Feature("tags", "list", min_values=1, max_values=2)


@pytest.mark.parametrize("data_type", [pa.list_(pa.int64()), pa.large_list(pa.float32()), pa.list_(pa.int8(), 3)])
def test_too_few_and_too_many(data_type):
    """An empty list and one of three are wrong, null and one of a null are right; of any list type."""
    fixed = pa.types.is_fixed_size_list(data_type)
    values = [[1, 2, 3], None, [1, 2, 3]] if fixed else [[], [1], [None], None, [1, 2, 3], [1, 2]]
    table = pa.table({"tags": pa.array(values, data_type)})
    item = item_of(judge(table, FEATURE), "valency")
    assert item is not None and item.value == (2 / 3 if fixed else 1 / 3)
    assert [row.row_index for row in item.rows] == ([0, 2] if fixed else [0, 4])
    assert item.message.endswith("the schema asks for at least 1 and at most 2 in a row")
    kept = judge(table, FEATURE, quarantine=True)
    assert kept.ok and kept.num_quarantined == 2


def test_each_value_by_itself():
    """Slices and no rows."""
    column = pa.array([[], [1], [1, 2, 3], None] * 5)
    whole = Valency().at_fault(FEATURE, column).to_pylist()
    assert whole == [True, False, True, False] * 5
    assert Valency().at_fault(FEATURE, column.slice(3, 7)).to_pylist() == whole[3:10]
    assert Valency().at_fault(FEATURE, column.slice(0, 0)).to_pylist() == []
    assert not Valency().applies(Feature("tags", "list"))


def test_maps_are_lists_of_pairs():
    """A map of three entries has three values."""
    column = pa.array([[("a", 1)], [], None, [("a", 1), ("b", 2), ("c", 3)]], pa.map_(pa.string(), pa.int64()))
    assert Valency().at_fault(FEATURE, column).to_pylist() == [False, True, False, True]
    assert Valency().at_fault(FEATURE, column.slice(1)).to_pylist() == [True, False, True]

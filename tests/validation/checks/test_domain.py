"""domain: a text is one of the values listed."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.schema import Feature
from headrace.testing.check_cases import RowCheckCases
from headrace.validation.checks.domain import Domain
from tests.validation.spans import item_of, judge

FEATURE = Feature("c", "text", domain=("AA", "UA", ""))


class TestDomain(RowCheckCases):
    """The laws of checks of rows."""

    check = Domain
    feature = FEATURE
    right = ("AA", "UA", "", None)
    wrong = ("ZZ", "é😀", "aa")


@pytest.mark.parametrize("data_type", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_fires_outside_the_domain(data_type: pa.DataType) -> None:
    """A text that is not listed is an error that shows it, whatever the encoding."""
    table = pa.table({"c": pa.array(["AA", "ZZ", None, "", "é😀", "ZZ", "aa"], data_type)})
    item = item_of(judge(table, FEATURE), "domain")
    assert item is not None and (item.severity, item.value, item.threshold) == ("error", 4 / 7, 0.0)
    assert [row.value for row in item.rows] == ["ZZ", "é😀", "ZZ", "aa"]
    assert "4 of 7 rows: 'ZZ', 'é😀', 'aa'; the schema lists 3 values" in item.message


def test_does_not_fire_inside() -> None:
    """Listed values, the empty text among them, and nulls are in the domain; unused dictionary entries do not count."""
    column = pa.DictionaryArray.from_arrays(pa.array([0, None, 2], pa.int8()), pa.array(["AA", "ZZ", ""]))
    assert judge(pa.table({"c": column}), FEATURE).ok
    assert judge({"c": ["AA", "", None]}, FEATURE).ok


def test_an_empty_domain_allows_only_null() -> None:
    """With no value listed every text is outside."""
    assert item_of(judge({"c": ["", None]}, Feature("c", "text", domain=())), "domain") is not None

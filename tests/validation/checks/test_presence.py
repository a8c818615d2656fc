"""presence: the share of rows that are not null."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.schema import Feature
from headrace.testing.check_cases import RowCheckCases
from headrace.validation.checks.presence import Presence
from tests.validation.spans import item_of, judge


class TestPresence(RowCheckCases):
    """The laws of checks of rows."""

    check = Presence
    feature = Feature("a", "text", min_present=1.0)
    right = ("", "x")
    wrong = (None,)


def test_fires_below_the_share() -> None:
    """One null more than allowed is an error, with the share, the limit and the rows."""
    item = item_of(judge({"a": [1, None, 3, None]}, Feature("a", "integer", min_present=0.75)), "presence")
    assert item is not None and (item.severity, item.value, item.threshold) == ("error", 0.5, 0.75)
    assert [row.row_index for row in item.rows] == [1, 3]
    assert item.message == "column 'a' is null in 2 of 4 rows: 0.5 present, the schema asks for 0.75"


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_does_not_fire_at_the_share(share: float) -> None:
    """Exactly the share demanded is enough; NaN and the empty text are present."""
    assert judge({"a": [1, None]}, Feature("a", "integer", min_present=share)).ok
    assert judge({"a": [float("nan")], "b": [""]}, Feature("a", "number", min_present=1), Feature("b", "text")).ok


def test_sees_nulls_inside_a_dictionary() -> None:
    """A code that points at a null entry of the dictionary is a null like any other."""
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1, None], pa.int8()), pa.array(["x", None]))
    item = item_of(judge(pa.table({"a": column}), Feature("a", "text", min_present=1.0, domain=("x",))), "presence")
    assert item is not None and [row.row_index for row in item.rows] == [1, 2]


def test_no_rows_lack_nothing() -> None:
    """A share of no rows is not below anything."""
    assert judge({"a": pa.array([], pa.int64())}, Feature("a", "integer", min_present=1.0)).ok

"""repeated_rows: copies of rows on both sides of a split are a warning."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.schema import Feature
from headrace.testing.check_cases import CheckCases
from headrace.validation.checks.repeated_rows import RepeatedRows
from tests.validation.spans import item_of, judge

A = Feature("a", "integer")
SPLIT = {"train": 8, "eval": 2}
ROWS = pa.table({"a": [*range(99), None], "b": ["x", None] * 50})


class TestRepeatedRows(CheckCases):
    """The laws of checks of shape."""

    check = RepeatedRows
    features = (A,)
    roles: ClassVar = {"split": SPLIT}
    right: ClassVar = {"jan": ROWS.slice(0, 60), "feb": ROWS.slice(60)}
    wrong: ClassVar = {"jan": ROWS, "feb": ROWS.slice(0, 50)}


def test_the_share_and_what_to_do() -> None:
    """A table delivered twice: half of its rows are copies, and the message says what to do about it."""
    item = item_of(judge(Dataset.from_arrow(pa.concat_tables([ROWS, ROWS]), split=SPLIT), A), "repeated_rows")
    assert item is not None and (item.severity, item.value, item.threshold) == ("warning", 0.5, 0.01)
    assert item.message.startswith("100 of 200 rows repeat another in every column") and "key=" in item.message


@pytest.mark.parametrize(
    ("table", "roles"),
    [
        (pa.concat_tables([ROWS, ROWS]), {"split": SPLIT, "key": ["a"]}),
        (pa.concat_tables([ROWS, ROWS]), {}),
        (pa.concat_tables([ROWS, ROWS.slice(0, 1)]), {"split": SPLIT}),
        (pa.table({"a": [1] * 19}), {"split": SPLIT}),
        (pa.table({"a": [1] * 30, "b": [[1]] * 30}), {"split": SPLIT}),
        (ROWS.slice(0, 0), {"split": SPLIT}),
    ],
    ids=["a key", "no split", "one in a hundred", "few rows", "a list", "no rows"],
)
def test_does_not_fire(table, roles) -> None:
    """With a key, without a split, for few copies, few rows, none, and columns that cannot be compared."""
    assert item_of(judge(Dataset.from_arrow(table, **roles), A), "repeated_rows") is None

"""row_ratio: new spans have about as many rows as those before."""

from __future__ import annotations

import pytest

from headrace.schema import DatasetLimits, Feature, Schema
from headrace.validation import validate
from tests.validation.spans import of_spans

BEFORE = {"1": {"a": [1] * 10}, "2": {"a": [2] * 30}}


@pytest.mark.parametrize(
    ("rows", "limits", "value"),
    [
        (10, DatasetLimits(min_ratio=0.5, max_ratio=2), None),
        (9, DatasetLimits(min_ratio=0.5), 0.45),
        (40, DatasetLimits(max_ratio=2), None),
        (50, DatasetLimits(max_ratio=2), 2.5),
    ],
)
def test_by_hand(rows, limits, value):
    """The mean before is 20 rows a span; both ends are included; spans that were there before are not judged."""
    data = of_spans({**BEFORE, "3": {"a": [3] * rows}})
    found = validate(data, Schema((Feature("a", "integer"),), dataset=limits), previous=of_spans(BEFORE))
    items = [item for item in found.items if item.code == "row_ratio"]
    assert [item.value for item in items] == ([] if value is None else [value])
    if items:
        assert items[0].severity == "error" and f"span 3 has {rows} rows" in items[0].message


def test_without_a_previous_data_set():
    """Nothing to hold it against."""
    schema = Schema((Feature("a", "integer"),), dataset=DatasetLimits(min_ratio=0.9))
    assert validate(of_spans(BEFORE), schema).ok

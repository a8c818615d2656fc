"""stale: time goes on."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headrace.schema import DatasetLimits, Feature, Schema
from headrace.validation import validate
from tests.validation.spans import of_spans

SCHEMA = Schema((Feature("at", "timestamp", role="time"),), dataset=DatasetLimits(must_advance=True))


def _moments(*days):
    return {"at": pa.array([None if day is None else day * 86_400_000_000 for day in days], pa.timestamp("us", "UTC"))}


@pytest.mark.parametrize(
    ("days", "is_stale"), [((3, None), False), ((2, 1), True), ((1, None), True), ((None,), False)]
)
def test_by_hand(days, is_stale):
    """The newest moment before is day 2: the same again is stale, no moment at all says nothing."""
    before = of_spans({"1": _moments(1, 2)}, time="at")
    found = validate(of_spans({"1": _moments(1, 2), "2": _moments(*days)}, time="at"), SCHEMA, previous=before)
    items = [item for item in found.items if item.code == "stale"]
    assert bool(items) == is_stale
    if items:
        assert (items[0].severity, items[0].threshold) == ("error", "1970-01-03T00:00:00Z")


def test_asked_for_only():
    """Without `must_advance`, without a previous data set and without new spans nothing is said."""
    data = of_spans({"1": _moments(1, 2)}, time="at")
    assert not [item for item in validate(data, SCHEMA, previous=data).items if item.code == "stale"]
    assert validate(data, SCHEMA).ok
    old = of_spans({"0": _moments(0)}, time="at")
    assert validate(old, Schema(SCHEMA.features), previous=data).ok
    assert not validate(old, SCHEMA, previous=data).ok

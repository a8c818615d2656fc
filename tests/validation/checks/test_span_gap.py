"""span_gap: no span is missing between two."""

from __future__ import annotations

import pytest

from headrace.schema import DatasetLimits, Feature, Schema
from headrace.validation import validate
from tests.validation.spans import of_spans


def _gap(names, most=0, previous=()):
    schema = Schema((Feature("a", "integer"),), dataset=DatasetLimits(max_span_gap=most))
    before = of_spans({name: {"a": [1, None]} for name in previous}) if previous else None
    found = validate(of_spans({name: {"a": [1, None]} for name in names}), schema, previous=before)
    items = [item for item in found.items if item.code == "span_gap"]
    return items[0] if items else None


@pytest.mark.parametrize(
    "names",
    [
        ["7", "8", "9"],
        ["9", "10"],
        ["2012-12", "2013-01", "2013-02"],
        ["2013-12-31", "2014-01-01"],
        ["2012-02-28", "2012-02-29", "2012-03-01"],
        ["2013-01-31T23", "2013-02-01T00"],
        ["2012", "2013"],
        ["20131231", "20140101"],
        ["only"],
    ],
)
def test_neighbours(names):
    """The turn of a year, a leap day, midnight: nothing is missing."""
    assert _gap(names) is None


@pytest.mark.parametrize(
    ("names", "most", "missing"),
    [
        (["7", "9"], 0, 1),
        (["7", "9"], 1, None),
        (["2012-11", "2013-02"], 1, 2),
        (["2013-02-27", "2013-03-02"], 0, 2),
        (["2013-01-31T22", "2013-02-01T00"], 0, 1),
    ],
)
def test_gaps(names, most, missing):
    """How many are missing in the widest gap, and between which."""
    item = _gap(names, most)
    assert (item is None) == (missing is None)
    if item is not None:
        assert item.value == missing and f"between {names[0]} and {names[1]}" in item.message


def test_the_previous_data_set_has_neighbours_too():
    """January was there before; March comes without February."""
    assert _gap(["2013-03"], 0, ["2013-01"]).value == 1
    assert _gap(["2013-02"], 0, ["2013-01"]) is None


@pytest.mark.parametrize("names", [["a", "b"], ["2013-01", "2013"], ["2013-01", "2013-13"]])
def test_names_that_have_no_place(names):
    """An error that says how spans are to be named."""
    assert "cannot be placed" in _gap(names).message

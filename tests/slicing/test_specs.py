"""Slice specs and the names of slices."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.slicing import SliceSpec, parse_slices, slice_name


def test_what_users_write() -> None:
    """A column, a list of columns, a spec; equal cuts count once, order is kept."""
    found = parse_slices(["carrier", ["carrier", "origin"], ("carrier",), SliceSpec(("hour",)), []])
    assert [spec.columns for spec in found] == [("carrier",), ("carrier", "origin"), ("hour",), ()]
    assert parse_slices("carrier") == [SliceSpec(("carrier",))]
    assert parse_slices([]) == []


def test_unknown_columns_are_named() -> None:
    """A column that is not there is an UnknownName that proposes the nearest."""
    with pytest.raises(UnknownName, match="did you mean 'carrier'"):
        parse_slices([["origin", "carier"]], ["carrier", "origin"])


@pytest.mark.parametrize("bad", [3, {"carrier": "AA"}, ["a", 1], None])
def test_other_things_are_refused(bad: object) -> None:
    """Neither numbers nor values make a cut."""
    with pytest.raises(InvalidInput):
        parse_slices([bad])  # type: ignore[list-item]


def test_a_column_twice_is_refused() -> None:
    """A cut by the same column twice means nothing."""
    with pytest.raises(InvalidInput, match="twice"):
        SliceSpec(("a", "a"))


def test_names_of_slices_cannot_be_mistaken() -> None:
    """Different slices of one spec have different names, whatever their values look like."""
    values = ["AA", None, "null", "", " AA", "AA ", "a,b=c", "'AA'", 'say "x"', "a\nb", "overall", "😀"]
    names = [slice_name(["carrier"], [value]) for value in values]
    assert len(set(names)) == len(values)
    assert names[:3] == ["carrier=AA", "carrier=null", "carrier='null'"]


def test_values_of_each_kind() -> None:
    """Booleans, numbers and timestamps read as they do elsewhere."""
    when = datetime(2013, 1, 1, 5, tzinfo=UTC)
    assert slice_name(["a", "b", "t"], [True, 5, when]) == "a=true,b=5,t=2013-01-01T05:00:00Z"
    assert slice_name([], []) == "overall"
    assert SliceSpec().name == "overall"

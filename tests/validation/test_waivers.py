"""Waivers: one finding, by its name, by a person, with a reason; nothing else passes with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.schema import Feature
from headrace.validation import Item, Validation, Waiver
from headrace.validation.waivers import waive
from tests.validation.spans import item_of, judge

N = Feature("n", "number", max=9, allow_nan=False)
ROWS = {"n": [1.0, 99.0, float("nan")]}


def _waiver(name: str) -> Waiver:
    return Waiver.parse(name, by="ada", because="known, and harmless")


def test_a_waived_error_withholds_nothing_and_says_who_and_why() -> None:
    """The named error becomes "waived", its message tells who and why, and other errors stay what they are."""
    validation = judge(ROWS, N, waivers=[_waiver("range:n")])
    item = item_of(validation, "range")
    assert item is not None and item.severity == "waived" and item.message.endswith("ada: known, and harmless")
    assert [error.code for error in validation.errors] == ["nan"] and not validation.ok
    both = judge(ROWS, N, waivers=[_waiver("range:n"), _waiver("nan:n")])
    assert both.ok and both.accepted.num_rows == 3 and both.summary.startswith("2 waived; ")


def test_waivers_are_kept_in_the_artifact(tmp_path: Path) -> None:
    """Who let what pass is in the stored validation and in its digest."""
    validation = judge(ROWS, N, waivers=[_waiver("range:n")])
    validation.save(tmp_path)
    again = Validation.load(tmp_path)
    assert again.waivers == validation.waivers == (_waiver("range:n"),)
    other = judge(ROWS, N, waivers=[Waiver.parse("range:n", by="bob", because="known, and harmless")])
    assert again.digest == validation.digest != other.digest


@pytest.mark.parametrize("name", ["range", "range:m", "range:n:carrier=AA", "unlabelled_rows"])
def test_a_waiver_lets_nothing_else_pass(name: str) -> None:
    """A waiver of another feature or slice, or of nothing there, changes nothing, and an item says so."""
    validation = judge(ROWS, N, waivers=[_waiver(name)])
    assert len(validation.errors) == 2
    item = item_of(validation, "waiver_unused")
    assert item is not None and item.severity == "info" and repr(name) in item.message


def test_warnings_are_not_waived() -> None:
    """What withholds nothing needs no waiver: it keeps its severity."""
    item = Item("new_column", "c", None, "warning", None, None, "column 'c' is new")
    assert [one.severity for one in waive([item], [_waiver("new_column:c")])] == ["warning", "info"]


@pytest.mark.parametrize("bad", ["", ":", "a::b", "a:", " "])
def test_names_with_empty_parts_are_refused(bad: str) -> None:
    """A name that no item can have is one clear error."""
    with pytest.raises(InvalidInput, match="name of an item"):
        _waiver(bad)


@pytest.mark.parametrize(("by", "because"), [("", "x"), ("ada", " ")])
def test_nobody_waives_without_name_and_reason(by: str, because: str) -> None:
    """Who and why are asked for."""
    with pytest.raises(InvalidInput, match="a waiver without"):
        Waiver("range", "n", None, by, because)


words = st.text("abcdeé_ =,", min_size=1, max_size=8)


@settings(derandomize=True, max_examples=80, deadline=None)
@given(words, st.none() | words, st.none() | words)
def test_what_an_item_is_called_is_what_waives_it(code: str, feature: str | None, slice_: str | None) -> None:
    """For any item the waiver parsed from its name names it, and says its name again."""
    item = Item(code.strip() or "x", feature, slice_ if feature is not None else None, "error", None, None, "wrong")
    waiver = Waiver.parse(item.name, by="ada", because="why not")
    assert waiver.name == item.name.strip()
    if item.name == item.name.strip():
        assert [one.severity for one in waive([item], [waiver])] == ["waived"]

"""convention: text written otherwise is named by what was done to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from headrace.validation.signatures.convention import Convention
from tests.validation.changes import change

NAMES = ["New York", "Los Angeles", "San Jose", "Salt Lake City", "St. Louis", "El Paso"] * 50
CODES = [f"N{number}UA" for number in range(100, 160)] * 5

CASES: dict[str, tuple[list[str], Callable[[str], str]]] = {
    "values are in other case": (NAMES, str.upper),
    "values are between blanks": (NAMES, lambda value: f"  {value} "),
    "values are written with other separators": (NAMES, lambda value: value.replace(" ", "_")),
    "values are 'US-' and what they were": (CODES, lambda value: f"US-{value}"),
    "values are without their first 1": (CODES, lambda value: value[1:]),
    "values are cut to 4 characters": (CODES, lambda value: value[:4]),
}


@pytest.mark.parametrize("words", CASES)
def test_what_was_done_is_named(words: str) -> None:
    """Each simple change is undone and told, nulls beside it."""
    values, write = CASES[words]
    sign = Convention().find(change([[*values, None]] * 3, [None, *map(write, values)], "text"))
    assert sign is not None and sign.words == words and sign.is_plain


def test_dates_of_another_format_are_told_as_such() -> None:
    """New dates in another order of day, month and year: by their pattern."""
    before = [[f"2024-{month:02d}-{day:02d}" for day in range(1, 29)] * 5 for month in (1, 2, 3)]
    after = [f"{day:02d}/04/2024" for day in range(1, 29)] * 5
    sign = Convention().find(change(before, after, "text"))
    assert sign is not None
    assert sign.words == "dates are written day/month/year or month/day/year, where year-month-day was usual"


def test_the_same_convention_and_other_names_bear_no_mark() -> None:
    """The same values again, and categories that are renamed one to one, which is another kind of change."""
    assert Convention().find(change([NAMES] * 3, NAMES, "text")) is None
    some = ["AA"] * 300 + ["UA"] * 150 + ["B6"] * 50
    renamed = [{"AA": "C-one", "UA": "C-two", "B6": "C-three"}[one] for one in some]
    assert Convention().find(change([some] * 3, renamed, "text")) is None

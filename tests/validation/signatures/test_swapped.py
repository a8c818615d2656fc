"""swapped: two columns that hold each other's values are one error that names both."""

from __future__ import annotations

from typing import Any

import numpy as np

from headrace.validation import Item
from tests.validation.changes import compare, named, only


def swap(first: str, second: str, rate: float = 1.0, **where: str) -> Item:
    """The one error of a month in which two columns changed places."""

    def breaks(columns: dict[str, Any], rng: np.random.Generator) -> None:
        rows = rng.random(600) < rate
        for column, value in where.items():
            rows &= columns[column] == value
        one, two = columns[first], columns[second]
        columns[first], columns[second] = np.where(rows, two, one), np.where(rows, one, two)

    return only(compare(breaks))


def test_all_rows() -> None:
    """It is told of the first by name, with the other; no other column has an error."""
    item = swap("seats", "distance")
    assert item.name == "drift_swapped:distance" and item.value == "seats" and item.num_rows == 600
    assert item.message.startswith("distance: its values are those of seats, and seats has its values")


def test_a_slice_and_a_part() -> None:
    """In a slice with the slice; in half of the rows with about half."""
    assert swap("seats", "distance", carrier="AA").name == "drift_swapped:distance:carrier=AA"
    item = swap("seats", "distance", 0.5)
    assert item.name == "drift_swapped:distance" and "% of rows" in item.message


def test_text() -> None:
    """Texts change places too."""
    assert swap("origin", "carrier").name == "drift_swapped:carrier"


def test_one_column_that_took_the_other_is_no_swap() -> None:
    """A column copied over another is wrong alone: the first stays what it was."""

    def breaks(columns: dict[str, Any], rng: np.random.Generator) -> None:
        columns["seats"] = columns["distance"]

    assert not [name for name in named(compare(breaks)) if name.startswith("drift_swapped")]

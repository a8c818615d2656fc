"""Ranges and conditions: what they read, what they give, and what is refused."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.slicing import Bins, parse_condition, parse_slices

_BATCH = pa.record_batch(
    {
        "x": pa.array([1.0, 2.0, None, math.nan, 5.0]),
        "n": pa.array([1, 2, 3, None, 5], pa.int32()),
        "t": pa.array(["a", "b b", None, "7", "and"]),
        "f": pa.array([True, False, None, True, True]),
        "when": pa.array([0, 1, 2, None, 86_400], pa.timestamp("s", "UTC")),
    }
)


def test_ranges_begin_at_their_edges() -> None:
    """An edge belongs to the range it begins; null and NaN are in none."""
    bins = Bins("x", (2.0, 5.0))
    assert bins.derive(_BATCH).to_pylist() == ["below 2", "2 to 5", None, None, "5 and above"]
    assert bins.name == "x cut at 2, 5"
    assert Bins("n", (2.0,)).derive(_BATCH).to_pylist() == ["below 2", *["2 and above"] * 2, None, "2 and above"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x > 1", [False, True, None, False, True]),
        ("x >= 2 and n == 2", [False, True, False, False, False]),
        ("x >= 2 and f == true", [False, False, None, False, True]),
        ("n != 3", [True, True, False, None, True]),
        ("t == 'b b'", [False, True, None, False, False]),
        ("t == 7", [False, False, None, True, False]),
        ('t == "7"', [False, False, None, True, False]),
        ("f == true", [True, False, None, True, True]),
        ("when < 1970-01-02", [True, True, True, None, False]),
        ("when >= 1970-01-01T00:00:01Z", [False, True, True, None, True]),
    ],
)
def test_conditions(text: str, expected: list[bool | None]) -> None:
    """Each kind of value is compared with what is written; what hangs on a null is null."""
    assert parse_condition(text).derive(_BATCH).to_pylist() == expected


def test_what_is_none() -> None:
    """Edges that do not rise, terms that are none, and values of another kind are told."""
    for edges in ((), (2.0, 1.0), (1.0, math.inf)):
        with pytest.raises(InvalidInput, match="edges"):
            Bins("x", edges)
    with pytest.raises(InvalidInput, match="a condition such as"):
        parse_condition("x > 1 and nothing")
    with pytest.raises(InvalidInput, match="column 'x' is double"):
        parse_condition("x > high").derive(_BATCH)
    with pytest.raises(InvalidInput, match="numbers"):
        Bins("t", (1.0,)).derive(_BATCH)
    with pytest.raises(UnknownName, match="no column named 'y'"):
        parse_slices(["y > 1"], ["x"], allow_derived=True)
    with pytest.raises(InvalidInput, match="a column's name"):
        parse_slices([{"x": [1.0]}], ["x"])  # type: ignore[list-item]


def test_a_column_may_have_any_name() -> None:
    """A column that is called like a condition is that column."""
    assert parse_slices(["x > 1"], ["x > 1", "x"], allow_derived=True)[0].derived == ()

"""Kinds of texts: what a CSV column is, and its values."""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.dataset.csv_values import TYPES, convert, join, narrow

WRITTEN = {
    "null": ["", " ", None],
    "integer": ["0", "7", "-17", "9223372036854775807", "-9223372036854775808", " 5 "],
    "number": ["1.5", "-0", ".5", "5.", "1e3", "-2E-8", "nan", "NaN", "inf", "-Infinity", "1e400", "0.25", "-0.5"],
    "boolean": ["true", "False", "TRUE", " true"],
    "timestamp": ["2013-01-31", "2013-01-31 10:00", "2013-01-31T10:00:00Z", "2016-02-29 23:59:59.123456789+0530"],
    "text": [
        *(
            "x",
            "007",
            "00.5",
            "-07",
            "+41",
            "+1.5",
            "1,5",
            "0x1F",
            "1_000",
            "yes",
            "t",
            "9223372036854775808",
            "-",
            ".",
        ),
        *("2013-02-30", "2013-1-5", "10:00", "2013-01-31 10", "2013-01-31T10:00:00z", "31.01.2013", "null", "NA", "①"),
    ],
}
KINDS = list(TYPES)


def _texts(values: list[str | None]) -> pa.Array:
    return pa.array(values, pa.string())


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in WRITTEN.items() for text in texts])
def test_a_value_alone(kind: str, text: str | None) -> None:
    """Each way of writing a value has one kind, and nulls beside it do not change that."""
    assert narrow(_texts([text])) == kind
    assert narrow(_texts([None, text, None])) == kind


VALUES = st.sampled_from([text for texts in WRITTEN.values() for text in texts]) | st.one_of(
    st.none(),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(repr),
    st.datetimes().map(str),
    st.text(st.sampled_from("0123456789.-+eE "), max_size=5),
)


@given(st.lists(VALUES, max_size=12), st.data())
def test_a_column_is_the_join_of_its_values(values: list[str | None], data: st.DataObject) -> None:
    """However rows are ordered and cut, a column's kind is the join of the kinds of its values alone."""
    expected = functools.reduce(join, (narrow(_texts([value])) for value in values), "null")
    shuffled = data.draw(st.permutations(values))
    cut = data.draw(st.integers(0, len(values)))
    assert narrow(_texts(values)) == expected
    assert narrow(_texts(shuffled[cut:]), narrow(_texts(shuffled[:cut]))) == expected
    padded = _texts(["pad", *values])[1:]  # a slice, whose offset is not 0
    assert narrow(padded) == expected
    found = convert(padded, expected)
    assert found.type == TYPES[expected] and len(found) == len(values)
    assert str(found.to_pylist()) == str([convert(_texts([value]), expected)[0].as_py() for value in values])


def test_join_is_a_lattice() -> None:
    """Commutative, associative, idempotent: the order of files cannot be seen."""
    for a in KINDS:
        assert join(a, a) == a and join(a, "null") == a and join(a, "text") == "text"
        for b in KINDS:
            assert join(a, b) == join(b, a)
            for c in KINDS:
                assert join(join(a, b), c) == join(a, join(b, c))


def test_values_by_hand() -> None:
    """Zones become UTC, what has none is UTC, digits beyond microseconds are cut off; spaces are not part of values."""
    moments = ["2013-01-31", "2013-01-31 10:00", "2013-01-31T10:00:00.123456789+02:00", "1969-12-31 23:59:59.9999999"]
    zone = timezone(timedelta(hours=2))
    assert convert(_texts(moments), "timestamp").to_pylist() == [
        datetime(2013, 1, 31, tzinfo=UTC),
        datetime(2013, 1, 31, 10, tzinfo=UTC),
        datetime(2013, 1, 31, 10, 0, 0, 123456, tzinfo=zone),
        datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]
    assert convert(_texts([" 3", "", None, "-1 "]), "integer").to_pylist() == [3, None, None, -1]
    assert convert(_texts(["True", " FALSE", None]), "boolean").to_pylist() == [True, False, None]
    assert convert(_texts([" a", "", None]), "text").to_pylist() == [" a", "", None]


def test_what_does_not_fit_is_said() -> None:
    """Asking for a kind that the values are not is an error, never a null."""
    with pytest.raises(ValueError, match="integer"):
        convert(_texts(["1", "x"]), "integer")


@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_floats_come_back(values: list[float]) -> None:
    """The shortest text of a float is that float again, as Polars says too."""
    texts = [repr(value) for value in values]
    found = convert(_texts(texts), "number").to_pylist()
    assert found == values
    assert found == pl.Series(texts).cast(pl.Float64).to_list()

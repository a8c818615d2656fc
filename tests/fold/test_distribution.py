"""Distribution: exact from value tables, bounded from sketches, and which of the two is in the rows alone."""

from __future__ import annotations

import math

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.fold import Distribution, GroupDistribution, Rows, encode
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


class TestNumberLaws(FoldLaws):
    """The laws on numbers: as tables, always as sketches, and on the edge between."""

    folds = (Distribution("x", "number"), Distribution("x", "number", 0), Distribution("x", "number", 6))
    rows = strategies.rows({"x": "number"})


class TestIntegerLaws(FoldLaws):
    """The laws on integers and timestamps."""

    folds = (Distribution("x", "integer"), Distribution("x", "integer", 6), Distribution("t", "timestamp", 4))
    rows = strategies.rows({"x": "integer", "t": "timestamp"}, max_rows=20)


class TestTextLaws(FoldLaws):
    """The laws on text."""

    folds = (Distribution("x", "text"), Distribution("x", "text", 0), Distribution("x", "text", 6))
    rows = strategies.rows({"x": "text"}, max_rows=20)


class TestBooleanAndNullLaws(FoldLaws):
    """The laws on booleans and on columns without values."""

    folds = (Distribution("x", "boolean"), Distribution("x", "boolean", 1), Distribution("n", "null"))
    rows = strategies.rows({"x": "boolean", "n": "null"})


def _one(array: pa.Array, kind: str, max_distinct: int = 65_536) -> GroupDistribution:
    fold = Distribution("x", kind, max_distinct)  # type: ignore[arg-type]
    return fold.extract(fold.add(fold.create(1), Rows(pa.record_batch({"x": array})), None))[0]


def test_numbers_by_hand() -> None:
    """1, 2, 2, 3 and -0.0 with a null, a NaN and both infinities: every figure is about the five finite ones."""
    one = _one(pa.array([1.0, 2.0, None, 2.0, 3.0, -0.0, math.nan, math.inf, -math.inf]), "number")
    assert (one.num_rows, one.num_missing, one.num_present, one.num_finite) == (9, 1, 8, 5)
    assert (one.num_nan, one.num_positive_infinite, one.num_negative_infinite) == (1, 1, 1)
    assert (one.mean, one.min, one.max, one.mode, one.num_zeros, one.num_distinct) == (1.6, 0.0, 3.0, 2.0, 1, 4)
    assert one.quantiles([0, 0.5, 1]).tolist() == [0.0, 2.0, 3.0]
    assert one.histogram([0.0, 1.5, 3.0]).tolist() == [2.0, 3.0]
    assert (one.values.to_pylist(), one.counts.tolist()) == ([0.0, 1.0, 2.0, 3.0], [1, 1, 2, 1])


def test_texts_by_hand() -> None:
    """Lengths are in characters, ties among the most frequent go by bytes, the empty text is a text."""
    one = _one(pa.array(["é", "b", "", None, "b", "😀😀", "é"]), "text")
    assert one.top_values(2) == [("b", 2), ("é", 2)]
    assert one.lengths == (0, 1.0, 2, 0)
    assert (one.num_distinct, one.mode, one.num_zeros) == (4, b"b", 0)
    assert math.isnan(one.mean)


def test_text_that_is_not_utf8_is_counted() -> None:
    """Bytes that are no UTF-8 are counted by rows and shown with replacement marks."""
    raw = pa.array([b"\xff\xfe", b"ok", b"\xff\xfe"], pa.binary()).view(pa.string())
    for max_distinct in (10, 1):
        one = _one(raw, "text", max_distinct)
        assert one.lengths == (2, 2.0, 2, 2)
        assert one.top_values(1) == [("\ufffd\ufffd", 2)]


def test_dates_and_booleans() -> None:
    """Timestamps of any unit are microseconds UTC; booleans are 0 and 1."""
    one = _one(pa.array([0, 1, None], pa.date32()), "timestamp")
    assert (one.min, one.max) == (0, 86_400_000_000)
    assert one.values.type == pa.timestamp("us", tz="UTC")
    flag = _one(pa.array([True, False, True, None]), "boolean")
    assert (flag.mean, flag.num_zeros, flag.values.to_pylist()) == (2 / 3, 1, [False, True])


def test_wrong_columns_are_refused_by_name() -> None:
    """A missing column and a column of another kind are named."""
    rows = Rows(pa.record_batch({"delay": ["a"]}))
    with pytest.raises(UnknownName, match="did you mean 'delay'"):
        Distribution("dealy", "text").add(Distribution("dealy", "text").create(1), rows, None)
    with pytest.raises(InvalidInput, match="column 'delay' holds string"):
        Distribution("delay", "integer").add(Distribution("delay", "integer").create(1), rows, None)


@pytest.mark.parametrize("kind", ["integer", "number", "text"])
def test_spilling_a_table_is_sketching_its_rows(kind: str) -> None:
    """Rows that enter the sketches one way or the other, at any moment, give the same bytes."""
    rng = np.random.default_rng(1)
    numbers = np.concatenate(
        [rng.integers(0, 500, 3_000), rng.integers(-(2**62), 2**62, 3_000), np.zeros(50, np.int64)]
    )
    rng.shuffle(numbers)
    values = {
        "integer": pa.array(numbers),
        "number": pa.array(np.ldexp(numbers.astype(float), -(numbers % 50))),
        "text": pa.array([f"é{item}" for item in numbers]),
    }[kind]
    batch = pa.record_batch({"x": values})
    fold, always = Distribution("x", kind, 1_000), Distribution("x", kind, 0)  # type: ignore[arg-type]
    states = {}
    for size in (50, 700, 7_000):
        state = fold.create(1)
        for first in range(0, len(values), size):
            state = fold.add(state, Rows(batch.slice(first, size)), None)
            if size == 700:
                state.canonical()
        states[size] = state
    direct = always.add(always.create(1), Rows(batch), None)
    direct.canonical().max_distinct = 1_000  # the only field in which the two states differ
    expected = encode(fold, direct)
    assert {size for size, state in states.items() if encode(fold, state) == expected} == set(states)


def test_sketched_numbers_keep_their_bounds() -> None:
    """Of 100,000 normal values: moments exact, quantiles within their bounds, distinct within twice its bound."""
    values = np.random.default_rng(2).normal(50, 10, 100_000)
    one, exact = _one(pa.array(values), "number"), _one(pa.array(values), "number", 1_000_000)
    assert not one.is_exact
    assert exact.is_exact
    assert (one.mean, one.std_dev, one.skewness, one.kurtosis) == (
        exact.mean,
        exact.std_dev,
        exact.skewness,
        exact.kurtosis,
    )
    shares = [0.01, 0.25, 0.5, 0.75, 0.99]
    low, high = one.quantile_bounds(shares)
    expected = np.quantile(values, shares)
    assert exact.quantiles(shares) == pytest.approx(expected, rel=1e-12)
    assert (low <= expected).all()
    assert (expected <= high).all()
    assert one.quantiles(shares) == pytest.approx(expected, rel=2**-9)
    assert abs(one.num_distinct - 100_000) <= 2 * one.error_bounds["num_distinct"].error_bound
    assert (one.min, one.max) == (values.min(), values.max())
    with pytest.raises(InvalidInput, match="too many"):
        _ = one.counts


def test_sketched_text_says_what_it_may_have_missed() -> None:
    """Counts in the sample are exact; a value outside it is no more frequent than the bound."""
    items = [f"name-{index % 5_000}" for index in range(12_000)] + ["frequent"] * 700
    one = _one(pa.array(items), "text", 100)
    assert one.lengths[0] == 6
    counts = dict(one.top_values(5_000))
    assert all(number == items.count(value) for value, number in list(counts.items())[:20])
    assert ("frequent" in counts) or one.error_bounds["top_values"].error_bound >= 700


def test_duckdb_agrees() -> None:
    """DuckDB's aggregates over slices are ours over groups."""
    rng = np.random.default_rng(4)
    delays = [None if item < -30 else int(item) for item in rng.normal(5, 40, 4_000)]
    groups = rng.integers(0, 5, 4_000).astype(np.int32)
    # DuckDB finds the table by its name here.
    flights = pa.table({"delay": pa.array(delays, pa.int16()), "carrier": pa.array(groups)})
    expected = duckdb.sql(
        "select count(*), count(delay), avg(delay), stddev_pop(delay), quantile_cont(delay, 0.5), min(delay),"
        " max(delay), count(distinct delay) from flights group by carrier order by carrier"
    ).fetchall()
    fold = Distribution("delay", "integer")
    result = fold.extract(fold.add(fold.create(5), Rows(pa.record_batch({"delay": flights["delay"].chunk(0)})), groups))
    ours = [
        (
            one.num_rows,
            one.num_present,
            one.mean,
            one.std_dev,
            one.quantiles([0.5])[0],
            one.min,
            one.max,
            one.num_distinct,
        )
        for one in result
    ]
    for mine, theirs in zip(ours, expected, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-12)

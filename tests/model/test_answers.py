"""Predictions as columns: there and back, sliced, with nulls."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headrace.model.answers import column_type, likeliest, read_column, to_column


def test_there_and_back():
    """One number a row and lists come back as they were, from one chunk, several, none, and slices."""
    for shape in ((5,), (5, 3)):
        values = np.random.default_rng(0).random(shape).astype(np.float32)
        column = to_column(values)
        assert column.type == column_type(1 if len(shape) == 1 else 3)
        assert read_column(column).tobytes() == values.tobytes()
        assert read_column(column.slice(2, 2)).tobytes() == values[2:4].tobytes()
        assert read_column(pa.chunked_array([column.slice(0, 2), column.slice(2)])).tobytes() == values.tobytes()
        assert read_column(pa.chunked_array([], column.type)).shape == (0, *shape[1:])


def test_nulls_are_nan():
    """A missing list, and a missing number."""
    assert np.isnan(read_column(pa.array([None, 1.0], pa.float32()))).tolist() == [True, False]
    lists = pa.array([None, [1.0, 2.0, 3.0]], column_type(3))
    assert np.isnan(read_column(lists)).tolist() == [[True] * 3, [False] * 3]


def test_the_likeliest_class():
    """The first of equal ones; null where there is no answer; text and integers keep their type."""
    shares = np.array([[0.2, 0.4, 0.4], [np.nan] * 3, [1.0, 0.0, 0.0]], np.float32)
    assert likeliest(shares, ("a", "b", "c")).to_pylist() == ["b", None, "a"]
    assert likeliest(shares, (7, 8, 9)).equals(pa.array([8, None, 7], pa.int64()))
    assert likeliest(shares[:0], (7, 8, 9)).equals(pa.array([], pa.int64()))

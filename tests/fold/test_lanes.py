"""Columns side by side, and texts behind their lengths: NumPy and Python are the twins, to the bit."""

import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.fold.kernels.lanes import fill_lanes, split_few, split_texts
from headrace.fold.kernels.native import library, without_native

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True, database=None)
NAN = np.array(np.nan).tobytes()


@SETTINGS
@given(
    st.lists(st.none() | st.floats(width=64) | st.just(-float("nan")), min_size=1, max_size=40),
    st.lists(st.none() | st.integers(-(1 << 63), (1 << 63) - 1), min_size=1, max_size=40),
    st.integers(0, 3),
)
def test_as_numpy(floats, integers, start):
    """Any value, null or slice: what NumPy would write, one NaN for all, and nothing beside it is touched."""
    if library() is None:
        pytest.skip("no kernels here")
    num_rows = max(0, min(len(floats), len(integers)) - start)
    arrays = [pa.array(floats, pa.float64()), *[pa.array(integers, pa.int64())] * 2]
    arrays = [array.slice(start, num_rows) for array in arrays]
    numbers, wholes = np.full((num_rows, 3), 7.0), np.full((num_rows, 2), 7, np.int64)
    bits = np.ones((num_rows, 2), np.bool_)
    assert fill_lanes(arrays, [(numbers, 2), (numbers, 0), (wholes, 1)], [None, None, (bits, 1)])
    there = [value is not None for value in integers[start : start + num_rows]]
    assert bits[:, 1].tolist() == there and bits[:, 0].all()
    assert wholes[:, 1].tolist() == arrays[1].fill_null(0).to_pylist() and (wholes[:, 0] == 7).all()
    assert (numbers[:, 1] == 7.0).all()
    for column, values in ((2, arrays[0].to_pylist()), (0, arrays[1].to_pylist())):
        for found, value in zip(numbers[:, column], values, strict=True):
            is_nothing = value is None or value != value
            assert found.tobytes() == (NAN if is_nothing else np.float64(value).tobytes())


def test_buffers_that_begin_anywhere():
    """A client's buffer at an odd address is read like any other."""
    data = pa.py_buffer(b"x" + np.arange(5.0).tobytes())
    array = pa.Array.from_buffers(pa.float64(), 5, [None, data.slice(1)])
    numbers = np.empty((5, 1))
    if fill_lanes([array], [(numbers, 0)], [None]):
        assert numbers[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    with without_native():
        assert not fill_lanes([array], [(numbers, 0)], [None])


def framed(texts):
    """Each text behind its length."""
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


@SETTINGS
@given(st.lists(st.binary(max_size=9)), st.integers(-2, 2), st.binary(max_size=6), st.integers(0, 12))
def test_texts(texts, more, behind, cut):
    """All of them, fewer, more than there are, bytes behind and a torn end: the same three ways."""
    data = (framed(texts) + behind)[: max(0, len(framed(texts) + behind) - cut)]
    number = max(0, len(texts) + more)
    found, end = split_texts(memoryview(data), number)
    found.validate(full=True)
    with without_native():
        plain, same_end = split_texts(data, number)
    few, few_end = split_few(data, number)
    assert found.to_pylist() == plain.to_pylist() == few and end == same_end == few_end
    assert framed(few) == data[:end]


def test_lengths_that_lie():
    """A length beyond the end, or of four gigabytes, is the end."""
    for length in (4, (1 << 31) - 1, (1 << 31), (1 << 32) - 1):
        found, end = split_texts(framed([b"ab"]) + struct.pack("<I", length) + b"abc", 2)
        assert (found.to_pylist(), end) == ([b"ab"], 6)

"""Texts as codes: Arrow's own dictionary_encode is the twin, to the last code."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.fold.kernels import encoding
from headrace.fold.kernels.encoding import encode_texts
from headrace.fold.kernels.native import without_native

TEXTS = st.lists(st.none() | st.text(max_size=20) | st.sampled_from(["", "a", "a\x00", "sixteen or more characters"]))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(TEXTS, st.sampled_from([pa.string(), pa.large_string()]), st.integers(0, 3))
def test_as_arrow(texts, data_type, start):
    """Every text, nulls, slices that begin anywhere: the same codes, the same dictionary in the same order."""
    array = pa.array(texts * (1 + 600 // max(1, len(texts))), data_type).slice(start)
    assert encode_texts(array).equals(array.dictionary_encode())
    with without_native():
        assert encode_texts(array).equals(array.dictionary_encode())


@pytest.mark.parametrize("num_distinct", [1, 700, 5_000, 40_000])
def test_tables_that_grow(num_distinct):
    """Few and many distinct texts, of any length, of which most or none come twice."""
    random = np.random.default_rng(num_distinct)
    places = random.integers(0, num_distinct, 40_000)
    array = pa.array([f"{place:x}" * (1 + place % 5) for place in places], mask=random.random(40_000) < 0.1)
    found = encode_texts(array)
    assert found.equals(array.dictionary_encode())
    found.validate(full=True)


def test_other_arrays():
    """Bytes and views go to Arrow; so does what is short."""
    for array in (pa.array([b"a"] * 1000), pa.array(["a"] * 3), pa.nulls(1000, pa.string()), pa.array([], pa.string())):
        assert encode_texts(array).equals(array.dictionary_encode())
    assert encoding._FEW_ROWS < 1000

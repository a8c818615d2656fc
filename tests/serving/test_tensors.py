"""Tensors: what was written is read back, and no size is believed before it is compared."""

import json
import math
import struct

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import InvalidRequest
from headrace.serving.tensors import DATATYPES, FEW, datatype_of, read_list, read_raw, write_raw

NUMBERS = [name for name, dtype in DATATYPES.items() if dtype is not None and name not in ("BF16", "BOOL")]


@pytest.mark.parametrize("datatype", NUMBERS)
@given(data=st.data())
def test_bytes_come_back(datatype, data):
    """Any bytes of the right number are the tensor that writes them, and JSON of its values is the same tensor."""
    dtype = DATATYPES[datatype]
    raw = data.draw(st.binary(max_size=40).map(lambda raw: raw[: len(raw) // dtype.itemsize * dtype.itemsize]))
    read = read_raw("x", datatype, [len(raw) // dtype.itemsize], raw).values
    if isinstance(read, list):
        read = np.array(read, dtype)
    assert write_raw(read) == raw and datatype_of(read) == datatype
    if np.isfinite(read).all():
        again = read_list("x", datatype, [len(read), 1], [[value] for value in json.loads(json.dumps(read.tolist()))])
        assert np.array(again.values, dtype).tobytes() == raw


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_texts_come_back(texts):
    """BYTES are framed by their lengths, whatever is in them."""
    raw = write_raw(np.array([*texts, None], object)[:-1])
    values = read_raw("x", "BYTES", [len(texts)], raw).values
    assert isinstance(values, pa.BinaryArray if len(texts) > FEW else list)
    assert [value.decode() for value in (values if isinstance(values, list) else values.to_pylist())] == texts


@given(st.binary(max_size=64), st.lists(st.integers(-1, 1 << 70), max_size=4), st.sampled_from(sorted(DATATYPES)))
def test_random_bytes_are_a_tensor_or_refused(raw, shape, datatype):
    """Nothing but InvalidRequest comes of bytes and a shape that were made up."""
    try:
        tensor = read_raw("x", datatype, shape, raw)
    except InvalidRequest:
        return
    assert len(tensor.values) == math.prod(shape) <= len(raw)


def test_upper_half_of_a_float():
    """BF16 is the upper half of a float32."""
    raw = struct.pack("<HHH", 0x3F80, 0xC049, 0x7FC0)
    values = read_raw("x", "BF16", [3], raw).values
    assert values.tolist()[:2] == [1.0, -3.140625] and math.isnan(values[2])


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "said"),
    [
        ("FP32", [2], [1.0], "1 values"),
        ("FP32", [1 << 62, 1 << 62], [1.0], "at most 8,388,608"),
        ("FP32", [1], [True], "True is no FP32"),
        ("FP32", [1], ["5"], "'5' is no FP32"),
        ("FP32", [1], [1e39], "beyond FP32"),
        ("FP16", [1], [70000], "beyond FP16"),
        ("FP32", [2, 1], [[1.0], [2.0, 3.0]], "another shape"),
        ("FP32", [2], [[1.0], [2.0]], "a list is no FP32"),
        ("INT8", [1], [128], "-128 to 127"),
        ("UINT64", [1], [-1], "0 to 18446744073709551615"),
        ("INT64", [1], [1.5], "1.5 is no INT64"),
        ("INT64", [1], [9007199254740993.0], "is no INT64"),
        ("BOOL", [1], [1], "1 is no BOOL"),
        ("BYTES", [1], [5], "5 is no BYTES"),
        ("BF16", [1], [1.0], "BF16 in JSON"),
        ("FP128", [1], [1.0], "FP128"),
        ("FP32", [True], [1.0], "a dimension of True"),
        ("FP32", [], [1.0], "0 dimensions"),
        ("FP32", [1], "1.0", "data of type str"),
    ],
    ids=str,
)
def test_wrong_data_is_refused(datatype, shape, data, said):
    """A value of another type or beyond its datatype, and a shape of another size, are named."""
    with pytest.raises(InvalidRequest, match="tensor 'x'") as error:
        read_list("x", datatype, shape, data)
    assert said in str(error.value)


def test_what_is_nearly_right_is_taken():
    """Whole floats are integers, null is None, infinity and NaN are floats of any size."""
    assert read_list("x", "INT32", [2], [5.0, None]).values == [5, None]
    assert list(read_list("x", "FP16", [2], [math.inf, 1]).values) == [math.inf, 1.0]
    assert list(read_list("x", "UINT64", [1], [(1 << 64) - 1]).values) == [(1 << 64) - 1]

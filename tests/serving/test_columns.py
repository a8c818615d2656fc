"""Columns: whatever road tensors take into a model, the lanes are those that the rows give."""

import datetime
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.errors import InvalidInput, InvalidRequest
from headrace.model.codec import Codec
from headrace.model.columns import InputColumn
from headrace.serving.columns import lanes_of
from headrace.serving.tensors import Tensor, read_list, read_raw

KINDS = ("number", "integer", "boolean", "text", "timestamp")
CODEC = Codec([InputColumn(kind, kind) for kind in KINDS], ["label"])
SERVED = SimpleNamespace(model=SimpleNamespace(codec=CODEC))
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
DTYPES = {"number": "<f8", "integer": "<i8", "boolean": "?", "timestamp": "<i8"}
DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "text": "BYTES", "timestamp": "INT64"}
ROW = st.fixed_dictionaries(
    {
        "number": st.none() | st.floats(allow_nan=False),
        "integer": st.none() | st.integers(-(1 << 63), (1 << 63) - 1),
        "boolean": st.none() | st.booleans(),
        "text": st.none() | st.text(st.characters(exclude_categories=["Cs"])).filter(lambda text: text[:1] != "\0"),
        "timestamp": st.none() | st.integers(-(1 << 52), 1 << 52),
    }
)


def same(left, right):
    """Lanes are equal, to the byte and the text."""
    assert left.keys() == right.keys()
    for lane, values in left.items():
        other = right[lane]
        assert values.dtype == other.dtype and values.shape == other.shape
        assert values.tolist() == other.tolist() if values.dtype == object else values.tobytes() == other.tobytes()


def raw_of(kind, values):
    """A raw tensor of a column and its companion, where it has nulls."""
    if kind == "text":
        texts = [(value or "").encode() for value in values]
        data = b"".join(struct.pack("<I", len(text)) + text for text in texts)
    else:
        data = np.array([0 if value is None else value for value in values], DTYPES[kind]).tobytes()
    found = [read_raw(kind, DATATYPES[kind], [len(values), 1], data)]
    if None in values:
        present = np.array([value is not None for value in values]).tobytes()
        found.append(read_raw(f"{kind}:present", "BOOL", [len(values)], present))
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=12), st.booleans())
def test_every_road_gives_the_lanes_of_the_rows(rows, has_label):
    """JSON, raw with companions, times as text, a column more or less: the lanes are those of `Codec.from_rows`."""
    times = [
        None if row["timestamp"] is None else EPOCH + datetime.timedelta(microseconds=row["timestamp"]) for row in rows
    ]
    expected = CODEC.from_rows([{**row, "timestamp": time} for row, time in zip(rows, times, strict=True)])
    columns = {kind: [row[kind] for row in rows] for kind in KINDS}
    more = [Tensor("label", "FP64", (1,), [1.0])] if has_label else []
    plain = [read_list(kind, DATATYPES[kind], [len(rows)], values) for kind, values in columns.items()]
    same(lanes_of(SERVED, [*plain, *more], 100), expected)
    raw = [tensor for kind, values in columns.items() for tensor in raw_of(kind, values)]
    same(lanes_of(SERVED, [*raw[::-1], *more], 100), expected)
    texts = [None if time is None else time.isoformat() for time in times]
    same(lanes_of(SERVED, [*plain[:4], read_list("timestamp", "BYTES", [len(rows)], texts)], 100), expected)
    kept = [one for one in plain if any(value is not None for value in columns[one.name])]
    if kept:
        same(lanes_of(SERVED, kept, 100), expected)


@pytest.mark.parametrize("count", [1, 3, 9])
def test_what_no_column_holds_is_refused(count):
    """Of another kind or length, no UTF-8, beyond 64 bits, a companion of nothing: each by its tensor or row."""
    wrong = {
        "datatype BYTES": [read_list("number", "BYTES", [count], ["x"] * count)],
        "INT8 or": [read_list("integer", "FP32", [count], [1.0] * count)],
        "is no integer": [read_raw("integer", "UINT64", [count], np.full(count, 1 << 63, "<u8").tobytes())],
        "not UTF-8": [Tensor("text", "BYTES", (count,), [b"\xff"] * count)],
        "lone surrogate": [Tensor("text", "BYTES", (count,), ["\ud800"] * count)],
        "U+0000": [Tensor("text", "BYTES", (count,), ["\0null"] * count)],
        "beside it": [read_list("text:present", "BOOL", [count], [True] * count)],
        "none null": [
            read_list("number", "FP64", [count], [1.0] * count),
            read_list("number:present", "BOOL", [count], [None] * count),
        ],
        "rows": [
            read_list("number", "FP64", [count], [1.0] * count),
            read_list("integer", "INT64", [count + 1], [1] * (count + 1)),
        ],
        "at most 100": [read_list("number", "FP64", [101], [1.0] * 101)],
        "unknown column": [read_list("colour", "FP64", [count], [1.0] * count)],
    }
    for said, tensors in wrong.items():
        with pytest.raises(InvalidInput) as error:
            lanes_of(SERVED, tensors, 100)
        assert said in str(error.value)


def test_a_column_that_may_not_be_null_is_missed():
    """A tensor that is not there, or says null, where null is not allowed."""
    codec = Codec([InputColumn("a", "integer", is_nullable=False), InputColumn("b", "number")])
    served = SimpleNamespace(model=SimpleNamespace(codec=codec))
    for count in (1, 9):
        other = read_list("b", "FP64", [count], [1.0] * count)
        with pytest.raises(InvalidRequest, match="'a'"):
            lanes_of(served, [other], 100)
        with pytest.raises(InvalidInput, match="null where none is allowed"):
            lanes_of(served, [other, read_list("a", "INT64", [count], [None] * count)], 100)

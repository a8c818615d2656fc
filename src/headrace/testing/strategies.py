"""Hypothesis strategies for Arrow data as unkind as real data: nulls, NaN, infinities, -0.0, unicode, empty, sliced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from headrace.fold import Rows
from headrace.schema import Kind, arrow_type

__all__ = ["columns", "rows", "values"]

_TEXTS = (
    "",
    " ",
    "a",
    "A",
    "AA",
    "aa",
    "é",
    "e\u0301",
    "😀",
    "\x00",
    "\x00null",
    "\ufeff",
    "a" * 40,
    "Straße",
    "naïve\n",
)
_NUMBERS = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.1,
    1e-308,
    5e-324,
    1.7e308,
    -1.7e308,
    1e16 + 2.0,
    float("inf"),
    float("-inf"),
    float("nan"),
)
_INTEGERS = (0, 1, -1, 2013, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63))

# The Arrow types a kind may arrive in.
_TYPES: dict[str, tuple[pa.DataType, ...]] = {
    "integer": (pa.int64(), pa.int32(), pa.int8(), pa.uint16()),
    "number": (pa.float64(), pa.float32()),
    "boolean": (pa.bool_(),),
    "text": (pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())),
    "timestamp": (pa.timestamp("us", tz="UTC"), pa.timestamp("us"), pa.timestamp("s"), pa.date32()),
    "null": (pa.null(),),
}


def values(kind: Kind) -> st.SearchStrategy[Any]:
    """Python values of a kind, without None: the awkward ones often, timestamps as int microseconds."""
    awkward: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.sampled_from(_INTEGERS) | st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1),
        "number": st.sampled_from(_NUMBERS) | st.integers(-5, 5).map(float) | st.floats(),
        "boolean": st.booleans(),
        "text": st.sampled_from(_TEXTS) | st.text(max_size=12),
        "timestamp": st.integers(0, 50).map(lambda hour: hour * 3_600_000_000) | st.integers(-(2**55), 2**55),
        "null": st.none(),
    }
    return awkward[kind]


def _build(items: list[Any], data_type: pa.DataType) -> pa.Array:
    """Items as an Arrow array of the type; what a narrow type cannot hold becomes null."""
    if pa.types.is_dictionary(data_type):
        return pa.array(items, data_type.value_type).dictionary_encode()
    if pa.types.is_integer(data_type):
        limits = np.iinfo(str(data_type))
        items = [item if item is not None and limits.min <= item <= limits.max else None for item in items]
    if data_type == pa.date32():
        items = [None if item is None else item // 86_400_000_000 for item in items]
    if data_type == pa.timestamp("s"):
        items = [None if item is None else item // 1_000_000 for item in items]
    if pa.types.is_float32(data_type):
        return pa.array(items, pa.float64()).cast(data_type, safe=False)
    return pa.array(items, data_type)


@st.composite
def columns(draw: st.DrawFn, kind: Kind, num_rows: int, *, canonical: bool = False) -> pa.Array:
    """An Arrow array of a kind: any of its types, with nulls, often a slice of a longer array.

    Parameters
    ----------
    kind : Kind
        Any with a canonical Arrow type.
    num_rows : int
        Its length.
    canonical : bool
        Only the kind's canonical Arrow type.
    """
    data_type = arrow_type(kind) if canonical else draw(st.sampled_from(_TYPES[kind]))
    pad = draw(st.integers(0, 9))
    share = draw(st.sampled_from((0, 0, 1, 4)))  # quarters of the values that are null
    item = values(kind)
    if share:
        item = st.tuples(st.integers(0, 3), item).map(lambda pair: None if pair[0] < share else pair[1])
    items = draw(st.lists(item, min_size=num_rows + pad, max_size=num_rows + pad))
    return _build(items, data_type).slice(pad)


@st.composite
def rows(
    draw: st.DrawFn, kinds: Mapping[str, Kind], *, max_rows: int = 25, weights: Callable[[], Any] | None = None
) -> Rows:
    """Rows as an engine hands them over: the named columns of these kinds, row ids (some repeat), weights.

    `weights` is a function that makes a strategy of one weight; by default a third of draws have none, the others
    small multiples of 1/8.
    """
    num_rows = draw(st.sampled_from((0, 1, 2)) | st.integers(0, max_rows))
    batch = pa.record_batch({name: draw(columns(kind, num_rows)) for name, kind in kinds.items()})
    ids = draw(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), min_size=num_rows, max_size=num_rows))
    weight = None
    one = weights() if weights is not None else st.integers(0, 40).map(lambda eighths: eighths / 8)
    if weights is not None or draw(st.integers(0, 2)):
        weight = np.array(draw(st.lists(one, min_size=num_rows, max_size=num_rows)), np.float64)
    return Rows(batch, np.array(ids, np.uint64), weight)

"""Predictions as Arrow columns and back: one number a row, or of several classes one list of fixed size a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

__all__ = ["column_type", "likeliest", "read_column", "to_column"]


def column_type(width: int) -> pa.DataType:
    """The type of a column of predictions of so many numbers a row.

    >>> str(column_type(1)), str(column_type(3))
    ('float', 'fixed_size_list<element: float not null>[3]')
    """
    if width == 1:
        return pa.float32()
    # Parquet calls a list's items "element"; under another name a table would come back changed.
    return pa.list_(pa.field("element", pa.float32(), nullable=False), width)


def to_column(values: npt.NDArray[np.float32]) -> pa.Array:
    """float32[num_rows] or float32[num_rows, width > 1] as a column, by its buffer (`pa.array` would import pandas).

    >>> to_column(np.eye(3, dtype=np.float32)[:1]).to_pylist()
    [[1.0, 0.0, 0.0]]
    """
    flat = np.ascontiguousarray(values, np.float32).reshape(-1)
    items = pa.Array.from_buffers(pa.float32(), len(flat), [None, pa.py_buffer(flat)])
    if values.ndim == 1:
        return items
    return pa.FixedSizeListArray.from_arrays(items, type=column_type(values.shape[1]))


def read_column(column: Any) -> npt.NDArray[np.float32]:
    """What `to_column` was given: float32[num_rows], or [num_rows, width]; a null is NaN."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not pa.types.is_fixed_size_list(column.type):
        return np.asarray(column.to_numpy(zero_copy_only=False), np.float32)
    width = column.type.list_size
    items = column.values.slice(column.offset * width, len(column) * width)
    found = np.asarray(items.to_numpy(zero_copy_only=False), np.float32).reshape(len(column), width)
    if column.null_count:
        found = np.where(np.asarray(column.is_null().to_pylist(), np.bool_)[:, None], np.float32(np.nan), found)
    return found


def likeliest(prediction: npt.NDArray[np.float32], classes: Sequence[str | int]) -> pa.Array:
    """The likeliest class of each row; of equally likely ones the first, null where a probability is NaN.

    >>> likeliest(np.array([[0.25, 0.5, 0.25]], np.float32), ("a", "b", "c")).to_pylist()
    ['b']
    """
    kind = pa.string() if isinstance(classes[0], str) else pa.int64()
    place = prediction.argmax(axis=1) if len(prediction) else np.zeros(0, np.int64)
    lacks = np.isnan(prediction).any(axis=1)
    index = pa.array(place.tolist(), pa.int64(), mask=lacks) if lacks.any() else pa.array(place.tolist(), pa.int64())
    return pa.array(list(classes), kind).take(index)

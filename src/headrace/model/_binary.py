"""Binary on every road: pictures as bytes. Like a list it lies in no lane; what is derived of it does.

JSON has no bytes: `{"b64": "iVBORw0..."}`, as TensorFlow Serving has it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.errors import InvalidInput, InvalidRequest, InvalidSchema
from headrace.model._arrow import raw_column
from headrace.model._values import refuse, show
from headrace.model.columns import InputColumn
from headrace.schema import kind_of

__all__ = ["Blobs", "blobs_of_batch", "blobs_of_rows", "blobs_of_tensors"]

# Of one column: bytes a row, or None.
Blobs = list[bytes | None]


def blobs_of_batch(batch: Any, column: InputColumn) -> Blobs:
    """A binary column of a RecordBatch or Table. Raises as `Codec.from_batch`. Cost: a copy of the bytes."""
    array = raw_column(batch, column)
    kind = kind_of(array.type)
    if kind not in ("binary", "null"):
        raise InvalidSchema(f"column {show(column.name)} is {array.type}", where="table", expected="binary")
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    if not column.is_nullable and array.null_count:
        row = array.is_null().to_pylist().index(True)
        raise InvalidInput("null where none is allowed", where=f"row {row}, column {show(column.name)}")
    return list(array.to_pylist())


def blobs_of_rows(rows: Sequence[Mapping[str, Any]], column: InputColumn) -> Blobs:
    """A binary column of rows: `{"b64": ...}` or Python's bytes; a missing key is null. Raises InvalidRequest."""
    return [_one(row.get(column.name), index, column) for index, row in enumerate(rows)]


def _one(value: Any, row: int, column: InputColumn) -> bytes | None:
    if value is None:
        if not column.is_nullable:
            raise refuse(column, row, "null where none is allowed, or missing")
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, dict) and value.keys() == {"b64"}:
        try:
            return base64.b64decode(value["b64"], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise refuse(column, row, "no base64") from None
    raise refuse(column, row, f"{show(value)} is no binary")


def blobs_of_tensors(tensors: Mapping[str, Any], column: InputColumn, num_rows: int | None) -> Blobs:
    """A binary column as a list or object array of values as rows have them; an absent one is all null.

    Raises InvalidRequest for another shape or number of rows, and as `blobs_of_rows`. NumPy's own bytes (dtype S) are
    refused: they have lost zeros at their ends.
    """
    value = tensors.get(column.name)
    if value is None:
        if num_rows is None:
            raise InvalidRequest("no columns", expected="at least one, so that the number of rows is known")
        value = [None] * num_rows
    if isinstance(value, np.ndarray):
        if value.dtype != np.object_:
            raise refuse(column, None, f"dtype {value.dtype}")
        value = value.reshape(-1).tolist()
    if not isinstance(value, (list, tuple)):
        raise refuse(column, None, f"{show(value)} is no array")
    if num_rows is not None and len(value) != num_rows:
        raise InvalidRequest(
            f"{len(value)} rows", where=f"column {show(column.name)}", expected=f"{num_rows} as in the other columns"
        )
    return [_one(item, row, column) for row, item in enumerate(value)]

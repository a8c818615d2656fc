"""One array a column into lanes: what tensor protocols send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidRequest
from headrace.model._rows import Lanes
from headrace.model._values import EXPECTED, is_bad_text, reader_of, refuse, show
from headrace.model.columns import NULL_TEXT, InputColumn, Layout

__all__ = ["read_tensors"]

_KINDS = {"number": "fiu", "integer": "iu", "boolean": "b", "timestamp": "iM", "text": "U"}


def _flat(value: Any, column: InputColumn) -> npt.NDArray[Any]:
    if not isinstance(value, np.ndarray):
        if not isinstance(value, (list, tuple)):
            raise refuse(column, None, f"{show(value)} is not an array")
        array = np.empty(len(value), np.object_)  # np.array(list) would guess: [1, "a"] becomes two texts
        array[:] = value
        return array
    if isinstance(value, np.ma.MaskedArray):
        raise refuse(column, None, "a masked array has nulls NumPy hides")
    if value.ndim != 1 and not (value.ndim == 2 and value.shape[1] == 1):
        raise refuse(column, None, f"shape {value.shape} is not [N] or [N, 1]")
    return value.reshape(-1)


def _typed(array: npt.NDArray[Any], column: InputColumn) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    valid = np.ones(len(array), np.bool_)
    if array.dtype.kind not in _KINDS[column.kind] or (array.dtype.itemsize > 8 and array.dtype.kind != "U"):
        raise refuse(column, None, f"dtype {array.dtype} is not {EXPECTED[column.kind]}")
    if column.kind == "number":
        values = array.astype(np.float64)
        values[np.isnan(values)] = np.nan
        return values, valid
    if column.kind == "text":
        values = np.empty(len(array), np.object_)
        values[:] = array.tolist()
        for row, text in enumerate(array.tolist()):
            if is_bad_text(text):
                raise refuse(column, row, f"{show(text)} begins with U+0000 or holds a lone surrogate")
        return values, valid
    if array.dtype.kind == "M":
        valid = ~np.isnat(array)
        micros = array.astype("M8[us]")
        unit = np.datetime_data(array.dtype)[0]
        if unit not in ("ns", "ps", "fs", "as") and not (micros.astype(array.dtype) == array)[valid].all():
            raise refuse(column, None, f"a {array.dtype} does not fit into microseconds")
        return np.where(valid, micros.view(np.int64), 0), valid
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        beyond = np.flatnonzero(array > np.uint64((1 << 63) - 1))
        if len(beyond):
            raise refuse(column, int(beyond[0]), f"{array[beyond[0]].item()} is not {EXPECTED[column.kind]}")
    return array.astype(np.int64), valid


def _objects(array: npt.NDArray[Any], column: InputColumn) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    read = reader_of(column)
    found = [read(value, row) for row, value in enumerate(array.tolist())]
    dtype = {"number": np.float64, "text": np.object_}.get(column.kind, np.int64)
    values: npt.NDArray[Any] = np.empty(len(found), dtype)
    values[:] = [value for value, _ in found]
    if column.kind == "number":
        values[np.isnan(values)] = np.nan
    return values, np.array([is_present for _, is_present in found], np.bool_)


def read_tensors(tensors: Mapping[str, Any], columns: Sequence[InputColumn], layout: Layout) -> Lanes:
    """Lanes of a mapping of column name to array; see `Codec.from_tensors`."""
    names = {column.name for column in columns}
    for key in tensors:
        if key not in names:
            raise InvalidRequest(
                f"unknown column {show(key)}", expected=", ".join(column.name for column in columns)[:300]
            )
    num_rows: int | None = None
    read: dict[str, tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]] = {}
    for column in columns:
        if column.name not in tensors:
            if not column.is_nullable:
                raise refuse(column, None, "missing")
            continue
        array = _flat(tensors[column.name], column)
        values, valid = (_objects if array.dtype == np.object_ else _typed)(array, column)
        if num_rows is not None and num_rows != len(values):
            raise InvalidRequest(
                f"{len(values)} rows",
                where=f"column {show(column.name)}",
                expected=f"{num_rows} as in the columns before",
            )
        num_rows = len(values)
        if not valid.all() and not column.is_nullable:
            raise refuse(column, int(np.flatnonzero(~valid)[0]), "null where none is allowed")
        if column.refuses_nan and np.isnan(values).any():
            raise refuse(column, int(np.flatnonzero(np.isnan(values))[0]), "NaN where none is allowed")
        for limit, beyond in ((column.min, np.less), (column.max, np.greater)):
            if limit is not None and (beyond(values, limit) & valid).any():
                row = int(np.flatnonzero(beyond(values, limit) & valid)[0])
                raise refuse(column, row, f"{values[row].item()} is out of range")
        read[column.name] = values, valid
    if num_rows is None:
        raise InvalidRequest("no columns", expected="at least one, so that the number of rows is known")
    nulls: dict[str, tuple[Any, Any]] = {
        "number": (np.nan, np.float64),
        "integer": (0, np.int64),
        "text": (NULL_TEXT, np.object_),
    }
    lanes: Lanes = {}
    for lane in layout.lanes:
        members = getattr(layout, lane)
        if lane == "present":
            no = np.zeros(num_rows, np.bool_)
            lanes[lane] = np.stack([read[name][1] if name in read else no for name in members], axis=1)
        else:
            value, dtype = nulls[lane]
            missing = np.full(num_rows, value, dtype)
            lanes[lane] = np.stack([read[name][0] if name in read else missing for name in members], axis=1)
    return lanes

"""Lists on every road: each becomes a Python list of the values that their kind's reader makes, None where null.

A list never lies in a lane. A lane would have to be as wide as the batch's longest list, and sums over such an axis
round by its width: a row's features would know their neighbours. What features ask of a list, its sum, its length, one
of its values, is derived by the prelude (`headrace.model.prelude`), exactly, and lies in a lane as a value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput, InvalidRequest, InvalidSchema
from headrace.kinds import list_of_view
from headrace.model._arrow import raw_column
from headrace.model._values import is_bad_text, reader_of, refuse, show
from headrace.model.columns import InputColumn
from headrace.schema import canonical_array, kind_of

__all__ = ["Lists", "lists_of_batch", "lists_of_rows", "lists_of_tensors"]

# Of one column: a list of values a row, or None.
Lists = list[list[Any] | None]


def lists_of_batch(batch: Any, column: InputColumn) -> Lists:
    """A list column of a RecordBatch or Table. Raises as `Codec.from_batch`. Cost: about 0.1 us a value."""
    array = raw_column(batch, column)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    kind = kind_of(array.type)
    if isinstance(array, pa.ChunkedArray) or (kind == "null" and (column.is_nullable or not len(array))):
        return [None] * len(array)
    if kind != "list" or pa.types.is_map(array.type):
        raise InvalidSchema(f"column {show(column.name)} is {array.type}", where="table", expected="a list")
    if pa.types.is_list_view(array.type) or pa.types.is_large_list_view(array.type):
        array = list_of_view(array)
    if not column.is_nullable and array.null_count:
        row = array.is_null().to_pylist().index(True)
        raise InvalidInput("null where none is allowed", where=f"row {row}, column {show(column.name)}")
    values = _values(pc.list_flatten(array), column)
    found: Lists = []
    first = 0
    for length in pc.list_value_length(array).to_pylist():
        if length is None:
            found.append(None)
            continue
        found.append(values[first : first + length])
        first += length
    return found


def _values(array: pa.Array, column: InputColumn) -> list[Any]:
    kind, wanted = kind_of(array.type), column.values_kind
    if kind not in (wanted, "null") and not (kind == "integer" and wanted == "number"):
        raise InvalidSchema(
            f"column {show(column.name)} is a list of {array.type}", where="table", expected=f"a list of {wanted}"
        )
    if wanted == "number" and kind != "null":
        return [
            None if value is None or value != value else value
            for value in array.cast(pa.float64(), safe=False).to_pylist()
        ]
    array = canonical_array(array, name=column.name)
    if wanted == "timestamp" and kind != "null":
        array = array.cast(pa.int64())
    try:
        values = list(array.to_pylist())
    except UnicodeDecodeError:
        raise InvalidInput("a text is not valid UTF-8", where=f"column {show(column.name)}") from None
    if wanted == "text":
        for value in values:
            if value is not None and is_bad_text(value):
                raise InvalidInput(f"{show(value)} begins with U+0000", where=f"column {show(column.name)}")
    return [int(value) if isinstance(value, bool) else value for value in values]


def lists_of_rows(rows: Sequence[Mapping[str, Any]], column: InputColumn) -> Lists:
    """A list column of rows of JSON's types, or Python's; a missing key is null. Raises InvalidRequest."""
    return [_one(row.get(column.name), index, column) for index, row in enumerate(rows)]


def _one(value: Any, row: int, column: InputColumn) -> list[Any] | None:
    if value is None:
        if not column.is_nullable:
            raise refuse(column, row, "null where none is allowed, or missing")
        return None
    if isinstance(value, np.ndarray) and value.ndim == 1:
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        raise refuse(column, row, f"{show(value)} is no list")
    assert column.values_kind is not None
    read = reader_of(InputColumn(column.name, column.values_kind))
    found = [read(item, row) for item in value]
    return [item if is_present and item == item else None for item, is_present in found]


def lists_of_tensors(tensors: Mapping[str, Any], column: InputColumn, num_rows: int | None) -> Lists:
    """A list column as a list (or object array) of lists, or an array [N, L]; an absent one is all null.

    Raises InvalidRequest for another shape, or another number of rows than `num_rows`, and as `lists_of_rows`.
    """
    value = tensors.get(column.name)
    if value is None:
        if num_rows is None:
            raise InvalidRequest("no columns", expected="at least one, so that the number of rows is known")
        value = [None] * num_rows
    if isinstance(value, np.ma.MaskedArray):
        raise refuse(column, None, "a masked array has nulls NumPy hides")
    if isinstance(value, np.ndarray):
        is_moments = value.dtype.kind == "M"
        value = (value.astype("M8[us]") if is_moments else value).tolist()
    if not isinstance(value, (list, tuple)):
        raise refuse(column, None, f"{show(value)} is no array of lists")
    if num_rows is not None and len(value) != num_rows:
        raise InvalidRequest(
            f"{len(value)} rows", where=f"column {show(column.name)}", expected=f"{num_rows} as in the other columns"
        )
    return [_one(item, row, column) for row, item in enumerate(value)]

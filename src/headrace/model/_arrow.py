"""Arrow batches and tables into lanes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset.nested import field_of
from headrace.errors import InvalidInput, InvalidSchema, UnknownName
from headrace.fold.kernels.encoding import encode_texts
from headrace.fold.kernels.lanes import fill_lanes
from headrace.model._rows import Lanes
from headrace.model._values import EXPECTED, show
from headrace.model.columns import NULL_TEXT, InputColumn, Layout
from headrace.schema import canonical_array, kind_of

__all__ = ["column_of", "raw_column", "read_batch", "read_codes", "read_numbers"]

# So many texts are decoded one by one: to find out which are distinct takes as long.
_FEW_ROWS = 1024
# What most columns are: nothing has to be asked of their type.
_OWN = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "text": pa.string()}


def _plain(array: pa.Array, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """The values of a primitive array without nulls, by its buffer (to_numpy would import pandas)."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, count=array.offset + len(array))[array.offset :]


def _valid(array: pa.Array) -> npt.NDArray[np.bool_]:
    if array.null_count == 0:
        return np.ones(len(array), np.bool_)
    bitmap = np.frombuffer(array.buffers()[0], np.uint8)
    return np.unpackbits(bitmap, count=array.offset + len(array), bitorder="little")[array.offset :].view(np.bool_)


def _refuse(column: InputColumn, row: int, what: str) -> InvalidInput:
    return InvalidInput(what, where=f"row {row}, column {show(column.name)}", expected=EXPECTED[column.kind])


def _texts(array: pa.Array, column: InputColumn) -> list[Any] | npt.NDArray[np.object_]:
    """The texts of a column, NULL_TEXT where null; of many rows each distinct text is decoded and checked once."""
    if not pa.types.is_dictionary(array.type):
        if not (pa.types.is_string(array.type) or pa.types.is_large_string(array.type)):
            array = canonical_array(array, name=column.name)
        if len(array) <= _FEW_ROWS:
            return _decoded(array, column, None)
        array = array.dictionary_encode()
    indices = array.indices
    if indices.type != pa.int32():  # as a client's dictionary may have them
        indices = indices.cast(pa.int32())
    null = len(array.dictionary)
    codes = _plain(indices.fill_null(null) if indices.null_count else indices, np.int32)
    lookup = np.empty(null + 1, np.object_)
    lookup[:-1] = _decoded(array.dictionary, column, codes)
    lookup[-1] = NULL_TEXT
    found: npt.NDArray[np.object_] = lookup[codes]
    return found


def _decoded(array: pa.Array, column: InputColumn, codes: npt.NDArray[Any] | None) -> list[Any]:
    """Texts as Python's, NULL_TEXT where null; `codes` says which of them each row holds, None that they are the rows.

    Raises InvalidInput where one is not UTF-8 (so that none has a lone surrogate), or, if a row holds it, begins with
    U+0000.
    """
    try:
        values: list[Any] = array.to_pylist()
    except UnicodeDecodeError:
        raise InvalidInput(
            "a text is not valid UTF-8", where=f"column {show(column.name)}", fix="decode it where it is read"
        ) from None
    if "\x00" in "".join(filter(None, values) if array.null_count else values):
        for code, text in enumerate(values):
            if text is not None and text.startswith("\x00"):
                rows = [code] if codes is None else np.flatnonzero(codes == code)
                if len(rows):
                    raise _refuse(column, int(rows[0]), f"{show(text)} begins with U+0000")
    if array.null_count:
        return [NULL_TEXT if text is None else text for text in values]
    return values


def raw_column(batch: Any, column: InputColumn) -> Any:
    """The column, or the field of a struct, as it lies in a RecordBatch or Table.

    A field may also lie there as a column of its own, under its whole name. One that the struct has not is null.
    Raises UnknownName for a column that is not there, InvalidSchema where one is there twice, or is no struct.
    """
    names = batch.schema.names
    index = batch.schema.get_field_index(column.name)
    if index >= 0:
        return batch.column(index)
    root = column.root
    index = batch.schema.get_field_index(root)
    if index < 0:
        if root in names or column.name in names:
            raise InvalidSchema(f"column {show(root)} appears twice", where="table")
        raise UnknownName("column", root, names, where="table")
    return field_of(batch.column(index), column.path, is_optional=column.is_nullable)


def _typed(batch: Any, column: InputColumn) -> Any:
    """The column as it lies in the batch, of a kind that fits. Raises UnknownName or InvalidSchema."""
    array = raw_column(batch, column)
    kind = kind_of(array.type)
    if kind == "null" and column.is_nullable:
        return array
    if kind != column.kind and not (kind in ("integer", "decimal") and column.kind == "number"):
        raise InvalidSchema(
            f"column {show(column.name)} is {array.type}",
            where="table",
            expected=f"{column.kind} ({EXPECTED[column.kind]})",
        )
    return array


def column_of(batch: Any, column: InputColumn) -> Any:
    """The column as one array; InvalidSchema where it is of another kind, UnknownName where there is none."""
    array = _typed(batch, column)
    if isinstance(array, pa.ChunkedArray):
        array = array.chunk(0) if array.num_chunks == 1 else array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.array([], array.type)
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), pa.float64() if column.kind == "number" else pa.int64())
    return array


def read_codes(batch: Any, column: InputColumn) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """A text column as (codes, distinct texts): a null row's code is the number of distinct texts.

    The texts are not checked; those of a dictionary that no row means are left out. Raises as `column_of`.
    Cost: about 10 ns a row and 0.1 us a distinct text.
    """
    array = column_of(batch, column)
    if pa.types.is_int64(array.type):  # a column of type null
        return np.zeros(len(array), np.int32), pa.array([], pa.large_string())
    if not pa.types.is_string(array.type):
        array = canonical_array(array, name=column.name)
    encoded = encode_texts(array)
    indices, distinct = encoded.indices, encoded.dictionary
    return _plain(indices.fill_null(len(distinct)) if indices.null_count else indices, np.int32), distinct


def read_numbers(batch: Any, column: InputColumn) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """A column of another kind than text: float64[num_rows] or int64[num_rows], and where it is not null.

    NaN is one NaN, what lies under a null is NaN or 0. Raises as `read_batch`. Cost: no copy where nothing is null and
    the type is the lane's own.
    """
    return _numbers(column_of(batch, column), column)


def _numbers(array: pa.Array, column: InputColumn) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    data_type = array.type
    is_own = data_type == _OWN["integer"] or data_type == _OWN["number"]
    if pa.types.is_dictionary(data_type):
        array = canonical_array(array, name=column.name)
    valid = _valid(array)
    if not column.is_nullable:
        _refuse_nulls(column, valid)
    if column.kind == "number":
        numbers = array if is_own else canonical_array(array, name=column.name)
        if numbers.type not in (_OWN["number"], _OWN["integer"]):
            numbers = numbers.cast(pa.float64(), safe=False)
        if numbers.type == _OWN["integer"]:
            values = _plain(numbers, np.int64).astype(np.float64)
        else:
            values = _plain(numbers, np.float64)
        is_nan = np.isnan(values) if array.null_count == 0 else np.isnan(values) | ~valid
        if is_nan.any():
            values = np.where(is_nan, np.nan, values)  # one NaN: others would show in the features' bytes
    else:
        whole = array if is_own else canonical_array(array, name=column.name)
        if whole.type != _OWN["integer"]:
            whole = whole.cast(pa.int64())
        values = _plain(whole, np.int64)
        if array.null_count:
            values = np.where(valid, values, 0)
    if column.refuses_nan and np.isnan(values).any():
        raise _refuse(column, int(np.flatnonzero(np.isnan(values))[0]), "NaN where none is allowed")
    _refuse_range(column, values, valid)
    return values, valid


def read_batch(batch: Any, columns: Sequence[InputColumn], layout: Layout) -> Lanes:
    """Lanes of a RecordBatch or Table; other columns are left alone.

    Raises UnknownName for a missing column, InvalidSchema for one of another kind, InvalidInput naming row and column
    for a null where none is allowed, a value out of range, or a text no model may hold.
    """
    num_rows = int(batch.num_rows)
    lanes: Lanes = {}
    for lane, dtype in (("number", np.float64), ("integer", np.int64), ("text", np.object_), ("present", np.bool_)):
        if getattr(layout, lane):
            lanes[lane] = np.empty((num_rows, len(getattr(layout, lane))), dtype)
    places = {"number": 0, "integer": 0, "text": 0, "present": 0}
    if isinstance(batch, pa.Table):  # a column of a table is a list of arrays, most often of one
        pieces = batch.to_batches()
        batch = pieces[0] if len(pieces) == 1 else batch
    names = batch.schema.names
    found = {name: index for index, name in enumerate(names)} if isinstance(batch, pa.RecordBatch) else {}
    if len(found) < len(names):  # in pieces, or one name twice: `column_of` knows better
        found = {}
    plain: list[tuple[Any, ...]] = []
    for column in columns:
        place = places[column.lane]
        places[column.lane] += 1
        index = found.get(column.name)
        array = None if index is None else batch.column(index)
        if array is None or array.type != _OWN.get(column.kind):
            array = column_of(batch, column)
        if column.kind == "text":
            if not pa.types.is_int64(array.type):
                texts = _texts(array, column)
            else:  # a column of type null
                texts = [NULL_TEXT] * num_rows
            lanes["text"][:, place] = texts
            if not column.is_nullable:
                _refuse_nulls(column, lanes["text"][:, place] != NULL_TEXT)
            continue
        bit = None
        if column.has_present_bit:
            bit = lanes["present"], places["present"]
            places["present"] += 1
        if _is_plain(array, column):
            plain.append((array, (lanes[column.lane], place), bit, column))
        else:
            _fill(array, (lanes[column.lane], place), bit, column)
    if plain and not fill_lanes(*list(zip(*plain, strict=True))[:3]):
        for one in plain:
            _fill(*one)
    return lanes


def _is_plain(array: pa.Array, column: InputColumn) -> bool:
    """Whether its values are in its lane as they are, whatever they are."""
    if column.min is not None or column.max is not None or column.refuses_nan:
        return False
    data_type = array.type
    is_taken = data_type == _OWN["integer"] or (data_type == _OWN["number"] and column.lane == "number")
    return is_taken and (column.is_nullable or array.null_count == 0)


def _fill(
    array: pa.Array,
    into: tuple[npt.NDArray[Any], int],
    bit: tuple[npt.NDArray[np.bool_], int] | None,
    column: InputColumn,
) -> None:
    values, valid = _numbers(array, column)
    into[0][:, into[1]] = values
    if bit is not None:
        bit[0][:, bit[1]] = valid


def _refuse_nulls(column: InputColumn, valid: npt.NDArray[np.bool_]) -> None:
    if not valid.all():
        raise _refuse(column, int(np.flatnonzero(~valid)[0]), "null where none is allowed")


def _refuse_range(column: InputColumn, values: npt.NDArray[Any], valid: npt.NDArray[np.bool_]) -> None:
    for limit, beyond in ((column.min, np.less), (column.max, np.greater)):
        if limit is None:
            continue
        wrong = beyond(values, limit) & valid
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            error = _refuse(column, row, f"{values[row].item()} is out of range")
            error.expected = f"from {column.min} to {column.max}"
            raise error

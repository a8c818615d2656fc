"""Small work on rows: filter them, read a column as float64, read labels and weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput
from headrace.fold import Rows
from headrace.schema import kind_of

__all__ = [
    "as_classes",
    "as_floats",
    "as_label_sets",
    "as_labels",
    "as_weights",
    "filter_rows",
    "from_bools",
    "to_array",
    "to_bools",
]

Mask = npt.NDArray[np.bool_]

_NUMBERS = ("integer", "number", "boolean", "null")


def from_bools(mask: Mask) -> pa.Array:
    """A NumPy bool array as an Arrow one, without the detour of `pa.array` that imports pandas."""
    packed = np.packbits(mask, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(mask), [None, pa.py_buffer(packed)])


def to_array(values: npt.NDArray[Any]) -> pa.Array:
    """A NumPy array as an Arrow one, without `pa.array`, which imports pandas where that is installed."""
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def to_bools(array: pa.Array) -> Mask:
    """An Arrow bool array as a NumPy one; null places hold anything."""
    if len(array) == 0:
        return np.zeros(0, dtype=np.bool_)
    raw = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[array.offset : array.offset + len(array)].view(np.bool_)


def filter_rows(rows: Rows, mask: Mask) -> Rows:
    """The rows where the mask is true; the same object when all are."""
    if mask.all():
        return rows
    return Rows(
        rows.batch.filter(from_bools(mask)),
        None if rows.row_id is None else rows.row_id[mask],
        None if rows.weight is None else rows.weight[mask],
    )


def as_floats(column: pa.Array, what: str, where: str = "") -> npt.NDArray[np.float64]:
    """Numbers or booleans as float64[num_rows], NaN where null; InvalidInput for other types."""
    if kind_of(column.type) not in _NUMBERS:
        raise InvalidInput(f"{what} is of type {column.type}", where=where, expected="numbers or booleans")
    if pa.types.is_null(column.type) or len(column) == 0:
        return np.full(len(column), np.nan)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    found = column.cast(pa.float64(), safe=False)
    values = np.frombuffer(found.buffers()[1], dtype=np.float64, count=found.offset + len(found))[found.offset :]
    if found.null_count:
        values = np.where(to_bools(pc.is_null(found)), np.nan, values)
    return values


def as_labels(
    column: pa.Array, name: str, positive: str | int | float | bool | None, where: str = ""
) -> npt.NDArray[np.float64]:
    """A label as float64[num_rows], NaN where null: its numbers, or 1 where it is the positive value and 0 elsewhere.

    Raises InvalidInput for a label that is no number and has no positive value, or one of another kind.
    """
    kind = kind_of(column.type)
    if kind == "null":
        return np.full(len(column), np.nan)
    if positive is None:
        if kind == "text":
            raise InvalidInput(
                f"label {name!r} is of type {column.type}",
                where=where,
                expected="numbers or booleans, or the value that counts as 1",
                fix='name it beside the label, as in positive="yes"',
            )
        return as_floats(column, f"label {name!r}", where)
    if kind not in _KINDS_OF[type(positive)]:
        raise InvalidInput(
            f"positive = {positive!r}, but label {name!r} is of type {column.type}",
            where=where,
            expected="a value of the label's own kind",
        )
    if kind != "text":
        values = as_floats(column, f"label {name!r}", where)
        return np.where(np.isnan(values), np.nan, (values == float(positive)).astype(np.float64))
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    return as_floats(pc.equal(column, pa.scalar(positive, column.type)), f"label {name!r}", where)


def as_classes(column: pa.Array, name: str, classes: Sequence[str | int], where: str = "") -> npt.NDArray[np.float64]:
    """A label as float64[num_rows]: its place among the classes, `len(classes)` for any other value, NaN where null.

    Raises InvalidInput for a label of another kind than the classes.
    """
    is_text = isinstance(classes[0], str)
    kind = kind_of(column.type)
    if kind == "null":
        return np.full(len(column), np.nan)
    if (kind == "text") != is_text or kind not in ("text", "integer", "number", "boolean"):
        raise InvalidInput(
            f"label {name!r} is of type {column.type}",
            where=where,
            expected=f"{'text' if is_text else 'whole numbers'}, as {classes[0]!r} is",
        )
    if is_text:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        found = pc.fill_null(pc.index_in(column, pa.array(list(classes), column.type)), len(classes))
        places = np.frombuffer(found.buffers()[1], np.int32, count=found.offset + len(found))[found.offset :]
        return np.where(to_bools(pc.is_null(column)), np.nan, places.astype(np.float64))
    values = as_floats(column, f"label {name!r}", where)
    known = np.asarray(classes, np.float64)
    order = np.argsort(known)
    near = order[np.minimum(np.searchsorted(known[order], values), len(known) - 1)]
    return np.where(np.isnan(values), np.nan, np.where(known[near] == values, near, len(known)).astype(np.float64))


_KINDS_OF: dict[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("integer", "number"),
    str: ("text",),
}


def as_label_sets(
    column: pa.Array, name: str, classes: Sequence[str | int], where: str = ""
) -> npt.NDArray[np.float64]:
    """A list of the labels that a row has as float64[num_rows, num_classes], 1 for each that it has; NaN where null.

    Lists of booleans or of floats say of each label whether it is one. Raises InvalidInput for a label that is not
    among the classes, one that stands there twice or is null, and lists of another length.
    """
    if not classes:
        raise InvalidInput(f"label {name!r} holds lists", where=where, expected="predictions that are lists, too")
    found = np.full((len(column), len(classes)), np.nan)
    there = ~to_bools(pc.is_null(column))
    lists = column.filter(from_bools(there))
    lengths, items = pc.list_value_length(lists), pc.list_flatten(lists)
    if items.null_count:
        raise InvalidInput(f"label {name!r} holds a list with a null in it", where=where, expected="labels")
    rows = np.repeat(np.flatnonzero(there), np.asarray(lengths.to_pylist(), np.int64))
    if pa.types.is_boolean(items.type) or pa.types.is_floating(items.type):
        told = as_floats(items, f"label {name!r}", where)
        if len(told) != there.sum() * len(classes) or any(
            one != len(classes) for one in pc.unique(lengths).to_pylist()
        ):
            raise InvalidInput(f"label {name!r} holds lists", where=where, expected=f"{len(classes)} in each")
        if not np.isin(told, (0.0, 1.0)).all():
            raise InvalidInput(f"label {name!r} holds {told[~np.isin(told, (0.0, 1.0))][0]:g}", expected="0 and 1")
        found[there] = told.reshape(-1, len(classes))
        return found
    found[there] = 0.0
    if not len(items):
        return found
    places = as_classes(items, name, classes, where).astype(np.int64)
    if (places == len(classes)).any():
        odd = items[int(np.flatnonzero(places == len(classes))[0])].as_py()
        raise InvalidInput(
            f"label {name!r} holds {odd!r}", where=where, expected=f"one of {', '.join(map(repr, classes))}"
        )
    if len(np.unique(rows * len(classes) + places)) < len(rows):
        raise InvalidInput(
            f"label {name!r} holds a list with a label twice",
            where=where,
            expected="each once",
            fix="0 and 1 for each label are read from booleans or floats",
        )
    found[rows, places] = 1.0
    return found


def as_weights(column: pa.Array, name: str, where: str) -> npt.NDArray[np.float64]:
    """A weight column as float64[num_rows]: a null weighs nothing; InvalidInput for one negative or not finite."""
    values = as_floats(column, f"weight {name!r}", where)
    if column.null_count:
        values = np.where(to_bools(pc.is_null(column)), 0.0, values)
    fine = np.isfinite(values) & (values >= 0)
    if not fine.all():
        bad = values[~fine][0]
        raise InvalidInput(f"weight {name!r} holds {bad}", where=where, expected="finite numbers, none below 0")
    return values

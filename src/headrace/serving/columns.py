"""Tensors of a request into a model's lanes: one tensor a raw column, and what says which of its rows are null.

| column | datatypes | null |
|---|---|---|
| number | FP16, BF16, FP32, FP64 and all whole ones | NaN, null in JSON, or the companion |
| integer | INT8 to INT64, UINT8 to UINT64 | null in JSON, or the companion |
| boolean | BOOL | the same |
| text | BYTES, UTF-8 | the same |
| timestamp | INT64, microseconds since 1970 UTC; or BYTES, RFC 3339 | the same |
| list | that of its values (of moments BYTES), shape [N, L] | null in JSON is a value's, the companion a row's |

The companion of a column NAME is a BOOL tensor NAME:present of the same number of rows; where it is false the value is
not looked at. A column without a tensor is null in all rows, where null is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.errors import InvalidRequest
from headrace.model import InputColumn
from headrace.serving.core import Served
from headrace.serving.limits import check_rows
from headrace.serving.tensors import Tensor

__all__ = ["PRESENT", "datatype_of", "lanes_of"]

PRESENT = ":present"
_DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "text": "BYTES", "timestamp": "INT64"}

_WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
_TAKEN: dict[str, tuple[str, ...]] = {
    "number": ("FP64", "FP32", "FP16", "BF16", *_WHOLE),
    "integer": _WHOLE,
    "boolean": ("BOOL",),
    "text": ("BYTES",),
    "timestamp": ("INT64", "BYTES"),
}
_TAKEN_IN_LISTS = {**_TAKEN, "timestamp": ("BYTES",)}
# Up to this many rows the codec's reading of rows is quicker than NumPy's fixed price for each column.
_FEW_ROWS = 4


def datatype_of(column: InputColumn) -> str:
    """The datatype that a column, or the values of its lists, is asked for in."""
    if column.values_kind is not None:
        return "BYTES" if column.values_kind == "timestamp" else _DATATYPES[column.values_kind]
    return _DATATYPES[column.kind]


def _refuse(tensor: Tensor, what: str, expected: str = "") -> InvalidRequest:
    return InvalidRequest(what, where=f"tensor {tensor.name[:60]!r}", expected=expected)


def _texts(tensor: Tensor) -> list[Any]:
    """The values of BYTES as texts."""
    if tensor.values and type(tensor.values[0]) is bytes:
        try:
            return [value.decode() for value in tensor.values]
        except UnicodeDecodeError:
            for row, value in enumerate(tensor.values):
                try:
                    value.decode()
                except UnicodeDecodeError as error:
                    raise _refuse(tensor, f"row {row} is not UTF-8: {error.reason}", "texts in UTF-8") from None
    values: list[Any] = tensor.values
    return values


def _mask(tensor: Tensor, count: int) -> Any:
    if tensor.datatype != "BOOL" or isinstance(tensor.values, list) or len(tensor.values) != count:
        raise _refuse(tensor, f"{tensor.datatype} of shape {list(tensor.shape)}", f"BOOL, {count} of them, none null")
    return None if tensor.values.all() else tensor.values


def _values(tensor: Tensor, column: InputColumn, mask: Any) -> Any:
    """What the codec takes for a column: an array, or a list where there are nulls or texts."""
    taken = _TAKEN[column.kind] if column.values_kind is None else _TAKEN_IN_LISTS[column.values_kind]
    if tensor.datatype not in taken:
        raise _refuse(tensor, f"datatype {tensor.datatype}", f"{' or '.join(taken)} for a {column.kind}")
    values = _texts(tensor) if tensor.datatype == "BYTES" else tensor.values
    if column.is_list:
        flat, (num_rows, width) = values if isinstance(values, list) else values.tolist(), tensor.shape
        values = [flat[row * width : (row + 1) * width] for row in range(num_rows)]
    if mask is None:
        return values
    plain = values if isinstance(values, list) else values.tolist()
    return [value if is_present else None for value, is_present in zip(plain, mask.tolist(), strict=True)]


def lanes_of(served: Served, tensors: Sequence[Tensor], max_rows: int) -> Any:
    """The lanes of a version's codec for the tensors of a request.

    Raises InvalidRequest, naming the tensor, for a name twice, a datatype or shape that the column does not take, more
    rows than `max_rows`, and as `Codec.from_tensors` does.
    """
    codec = served.model.codec
    columns = {column.name: column for column in codec.columns}
    found: dict[str, Tensor] = {}
    masks: dict[str, Tensor] = {}
    for tensor in tensors:
        name = tensor.name
        into = found
        if name not in columns and name.endswith(PRESENT) and name[: -len(PRESENT)] in columns:
            name, into = name[: -len(PRESENT)], masks
        if name in into:
            raise _refuse(tensor, "sent twice", "each tensor once")
        into[name] = tensor
        if into is found and name in columns and columns[name].is_list:
            if len(tensor.shape) != 2:
                raise _refuse(tensor, f"shape {list(tensor.shape)}", "[N, L], a list a row")
        elif len(tensor.shape) > 2 or (len(tensor.shape) == 2 and tensor.shape[1] != 1):
            raise _refuse(tensor, f"shape {list(tensor.shape)}", "[N] or [N, 1], one value a row")
    for name, tensor in masks.items():
        if name not in found:
            raise _refuse(tensor, f"no tensor {name[:60]!r} beside it", "a companion of a tensor that is there")
    num_rows = max((tensor.shape[0] for tensor in found.values()), default=0)
    check_rows(num_rows, max_rows)
    values: dict[str, Any] = {}
    can_be_rows = 0 < num_rows <= _FEW_ROWS
    for name, tensor in found.items():
        column = columns.get(name)
        if column is None:
            values[name], can_be_rows = None, False  # the codec knows what it does not look at, and what there is not
            continue
        mask = _mask(masks[name], tensor.shape[0]) if name in masks else None
        values[name] = _values(tensor, column, mask)
        can_be_rows = (
            can_be_rows and tensor.shape[0] == num_rows and (column.kind != "timestamp" or tensor.datatype == "BYTES")
        )
    if can_be_rows:
        plain = [one if isinstance(one, list) else one.tolist() for one in values.values()]
        return codec.from_rows([dict(zip(values, row, strict=True)) for row in zip(*plain, strict=True)])
    return codec.from_tensors(values)

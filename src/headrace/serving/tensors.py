"""Tensors as the Open Inference Protocol has them: typed flat values with a shape, from bytes, from JSON, and back.

| datatype | bytes each | in JSON |
|---|---|---|
| BOOL | 1 (0 or 1) | true, false |
| UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64 | 1, 2, 4, 8 | whole numbers |
| FP16, FP32, FP64 | 2, 4, 8 | numbers, rounded to the datatype |
| BF16 | 2 | not at all: bytes alone |
| BYTES | 4 for the length, then that many | texts |

All numbers are little-endian. No size is believed before it is compared with the bytes that are there, so that what
is made of a request is never larger than what was sent, beyond the width of a Python object.

Source: Open Inference Protocol, "Tensor Data Types" and the binary tensor data extension.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidRequest
from headrace.fold.kernels.lanes import split_few, split_texts

__all__ = [
    "DATATYPES",
    "FEW",
    "MOST_VALUES",
    "Tensor",
    "check_head",
    "datatype_of",
    "read_list",
    "read_raw",
    "write_raw",
]

DATATYPES: dict[str, np.dtype[Any] | None] = {
    "BOOL": np.dtype(np.bool_),
    "UINT8": np.dtype("u1"),
    "UINT16": np.dtype("<u2"),
    "UINT32": np.dtype("<u4"),
    "UINT64": np.dtype("<u8"),
    "INT8": np.dtype("i1"),
    "INT16": np.dtype("<i2"),
    "INT32": np.dtype("<i4"),
    "INT64": np.dtype("<i8"),
    "FP16": np.dtype("<f2"),
    "FP32": np.dtype("<f4"),
    "FP64": np.dtype("<f8"),
    "BF16": np.dtype("<u2"),
    "BYTES": None,
}
_NAMES = {dtype: name for name, dtype in DATATYPES.items() if dtype is not None and name != "BF16"}
# One byte of a request can become eight in each column of a row: values are bounded, not the bytes alone.
MOST_VALUES = 1 << 23
# So many numbers from JSON stay a list: NumPy's fixed price is higher.
FEW = 4
_LIMITS = {
    name: (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    for name, dtype in DATATYPES.items()
    if dtype is not None and dtype.kind in "iu"
}
# What most requests of one row are made of is read without NumPy: it takes a third of the time.
_ONE = {
    name: struct.Struct(letter) for name, letter in {"FP32": "<f", "FP64": "<d", "INT32": "<i", "INT64": "<q"}.items()
}
_ONE_TYPE: dict[str, type] = {"FP64": float, "INT64": int, "BOOL": bool, "BYTES": str}
_LENGTH = struct.Struct("<I")
_EXACT_FLOAT_LIMIT = float(1 << 53)


class Tensor(NamedTuple):
    """One tensor of a request, its values in row-major order.

    Parameters
    ----------
    name : str
        As the client wrote it.
    datatype : str
        A key of DATATYPES.
    shape : tuple of int
        At least one dimension; the product is the number of values.
    values : numpy or pyarrow array [product of shape], or list
        A list where the datatype is BYTES (of texts from JSON, of bytes), from JSON where there are nulls, which are
        None, and where there are at most FEW values; else an array, for more than FEW BYTES that were bytes a
        pyarrow.BinaryArray. BF16 is float32.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Any


def _where(name: str) -> str:
    return f"tensor {name[:60]!r}"


def check_head(name: Any, datatype: Any, shape: Any) -> int:
    """The number of values that a tensor's shape asks for.

    Raises InvalidRequest for what is no name, datatype or shape. The product is of Python's integers: it overflows
    nowhere.
    """
    if type(name) is not str or not name:
        raise InvalidRequest(f"a tensor named {str(name)[:60]!r}", expected="a text that is not empty")
    if type(datatype) is not str or datatype not in DATATYPES:
        raise InvalidRequest(
            f"datatype {str(datatype)[:60]!r}", where=_where(name), expected=f"one of {', '.join(DATATYPES)}"
        )
    if not 0 < len(shape) <= 8:
        raise InvalidRequest(f"a shape of {len(shape)} dimensions", where=_where(name), expected="[N] or [N, 1]")
    count = 1
    for size in shape:
        if type(size) is not int or not 0 <= size < 1 << 63:
            raise InvalidRequest(f"a dimension of {str(size)[:30]}", where=_where(name), expected="whole numbers >= 0")
        count *= size
    if count > MOST_VALUES:
        raise InvalidRequest(
            f"{str(count)[:30]} values", where=_where(name), expected=f"at most {MOST_VALUES:,} in one request"
        )
    return count


def read_raw(name: str, datatype: str, shape: Sequence[int], data: bytes | memoryview) -> Tensor:
    """A tensor of the bytes that hold it, all of them.

    Raises InvalidRequest where the shape and the number of bytes disagree. Cost: numbers are not copied; about
    5 ns for each value of BYTES.
    """
    count = check_head(name, datatype, shape)
    dtype = DATATYPES[datatype]
    if dtype is None:
        return Tensor(name, datatype, tuple(shape), _split(name, count, data))
    if count * dtype.itemsize != len(data):
        raise InvalidRequest(
            f"{len(data)} bytes for shape {list(shape)}",
            where=_where(name),
            expected=f"{str(count * dtype.itemsize)[:30]}, {dtype.itemsize} for each {datatype}",
        )
    if count == 1 and datatype in _ONE:
        return Tensor(name, datatype, tuple(shape), [_ONE[datatype].unpack(data)[0]])
    if datatype == "BOOL":
        bits = np.frombuffer(data, np.uint8)
        if (bits > 1).any():
            raise InvalidRequest(f"a byte {int(bits.max())}", where=_where(name), expected="0 or 1 for each BOOL")
        return Tensor(name, datatype, tuple(shape), bits.view(np.bool_))
    values = np.frombuffer(data, dtype)
    if datatype == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return Tensor(name, datatype, tuple(shape), values)


def _split(name: str, count: int, data: bytes | memoryview) -> Any:
    """The elements of a BYTES tensor."""
    size = len(data)
    if count * 4 > size:
        raise InvalidRequest(f"{size} bytes for {str(count)[:30]} lengths of 4", where=_where(name))
    found, place = split_few(data, count) if count <= FEW else split_texts(data, count)
    if len(found) < count or place < size:
        raise InvalidRequest(
            f"{len(found)} whole elements end after {place} of {size} bytes",
            where=_where(name),
            expected=f"{count} elements, each its length in 4 bytes (little-endian) and that many bytes",
        )
    return found


def _flatten(name: str, shape: Sequence[int], data: list[Any]) -> list[Any]:
    """Row-major values of data that may be nested as its shape says, or flat."""
    if not data or type(data[0]) is not list:
        return data
    level = data
    for inner in shape[1:]:
        if not all(type(part) is list and len(part) == inner for part in level):
            break
        level = list(itertools.chain.from_iterable(level))
    else:
        return level
    raise InvalidRequest(
        "nested data of another shape",
        where=_where(name),
        expected=f"shape {list(shape)}, or its values in a flat list",
    )


def read_list(name: str, datatype: str, shape: Sequence[int], data: Any) -> Tensor:
    """A tensor of JSON data, flat or nested.

    Raises InvalidRequest for a value of another type or beyond its datatype, and where the shape and the number of
    values disagree. Null is None in a list. Cost: about 80 ns a value.
    """
    count = check_head(name, datatype, shape)
    if type(data) is not list:
        raise InvalidRequest(f"data of type {type(data).__name__}", where=_where(name), expected="a list")
    if count == 1 and len(data) == 1:
        value: Any = data[0][0] if type(data[0]) is list and len(data[0]) == 1 == len(shape) - 1 else data[0]
        is_plain = type(value) is _ONE_TYPE.get(datatype)
        if is_plain and (datatype != "INT64" or -(1 << 63) <= value < 1 << 63):
            return Tensor(name, datatype, tuple(shape), [value])
    values = _flatten(name, shape, data)
    if len(values) != count:
        raise InvalidRequest(
            f"{len(values)} values for shape {list(shape)}", where=_where(name), expected=str(count)[:30]
        )
    kinds = set(map(type, values))
    has_null = type(None) in kinds
    present = [value for value in values if value is not None] if has_null else values
    kinds.discard(type(None))
    read: Any
    if datatype == "BYTES":
        if kinds - {str}:
            raise _not_of(name, datatype, values, (str,), "texts")
        return Tensor(name, datatype, tuple(shape), values)
    if datatype == "BOOL":
        if kinds - {bool}:
            raise _not_of(name, datatype, values, (bool,), "true and false")
        read = present if len(present) <= FEW else np.array(present, np.bool_)
    elif datatype == "BF16":
        raise InvalidRequest("BF16 in JSON", where=_where(name), expected="binary data, or FP32")
    elif kinds - {int, float}:
        raise _not_of(name, datatype, values, (int, float), "numbers")
    else:
        read = _numbers(name, datatype, present, has_floats=float in kinds)
    if has_null:
        rest = iter(read if isinstance(read, list) else read.tolist())
        return Tensor(name, datatype, tuple(shape), [None if value is None else next(rest) for value in values])
    return Tensor(name, datatype, tuple(shape), read)


def _not_of(name: str, datatype: str, values: list[Any], types: tuple[type, ...], expected: str) -> InvalidRequest:
    place, value = next(
        (place, value) for place, value in enumerate(values) if value is not None and type(value) not in types
    )
    shown = f"a {type(value).__name__}" if isinstance(value, (list, dict)) else repr(value)[:40]
    return InvalidRequest(f"{shown} is no {datatype}", where=f"value {place} of {_where(name)}", expected=expected)


def _numbers(name: str, datatype: str, values: list[Any], *, has_floats: bool) -> Any:
    dtype = DATATYPES[datatype]
    assert dtype is not None
    if dtype.kind == "f":
        if len(values) <= FEW:
            return _few_floats(name, datatype, values)
        wide = np.array(values, np.float64)
        with np.errstate(over="ignore"):
            read = wide.astype(dtype)
        if (np.isinf(read) != np.isinf(wide)).any():
            raise InvalidRequest(f"a number beyond {datatype}", where=_where(name))
        return read
    if has_floats:
        values = [_whole(name, datatype, value) for value in values]
    low, high = _LIMITS[datatype]
    if values and not (low <= min(values) and max(values) <= high):
        value = min(values) if min(values) < low else max(values)
        raise InvalidRequest(f"{value} is no {datatype}", where=_where(name), expected=f"{low} to {high}")
    return values if len(values) <= FEW else np.array(values, dtype)


def _few_floats(name: str, datatype: str, values: list[Any]) -> list[float]:
    if datatype == "FP64":
        return [float(value) for value in values]
    letter = "<f" if datatype == "FP32" else "<e"
    try:
        return [struct.unpack(letter, struct.pack(letter, float(value)))[0] for value in values]
    except OverflowError:
        raise InvalidRequest(f"a number beyond {datatype}", where=_where(name)) from None


def _whole(name: str, datatype: str, value: Any) -> int:
    if type(value) is float and not (value.is_integer() and abs(value) < _EXACT_FLOAT_LIMIT):
        raise InvalidRequest(f"{value!r} is no {datatype}", where=_where(name), expected="whole numbers")
    return int(value)


def datatype_of(values: npt.NDArray[Any]) -> str:
    """The datatype of an array of a model's answers.

    >>> datatype_of(np.zeros(3, np.float32))
    'FP32'
    """
    return _NAMES.get(values.dtype, "BYTES")


def write_raw(values: npt.NDArray[Any]) -> bytes:
    """The bytes of an array, as `read_raw` takes them."""
    if datatype_of(values) != "BYTES":
        return values.tobytes()
    parts = []
    for text in values.reshape(-1).tolist():
        data = text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogatepass")
        parts += [_LENGTH.pack(len(data)), data]
    return b"".join(parts)

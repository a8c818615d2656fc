"""Paths: how to get from a column to what is counted in it, where a column holds lists, structs or decimals.

| step | leads to | of a row without a value |
|---|---|---|
| `.name` | a field of a struct | null |
| `[]` | the values of a list, one row each | nothing |
| `#` | how many values a list has | null |
| `e2` | a decimal times 10^2, as an integer | null |
| `~` | a decimal as the nearest float64 | null |
| `us` | a duration in microseconds, as an integer; what is less is cut off, towards the past | null |
| `time` | a time of day in microseconds since midnight, as an integer | null |

A map is a list of structs with the fields `key` and `value`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput
from headrace.fold._contract import Groups
from headrace.kinds import kind_of, list_of_view

__all__ = ["follow", "path_text"]


def path_text(path: tuple[str, ...]) -> str:
    """How what lies at a path is called, after the column's name: `(".a", "[]", ".b")` is ".a[].b".

    The values of a list at the end are called as the list itself is, and so are a decimal's integers.

    >>> path_text((".a", "[]", ".b", "[]")), path_text(("e2",))
    ('.a[].b', '')
    """
    steps = [step for step in path if step[0] in ".[#"]
    return "".join(steps[:-1] if steps and steps[-1] in ("[]", "#") else steps)


def follow(array: pa.Array, path: tuple[str, ...], groups: Groups | None, name: str) -> tuple[pa.Array, Groups | None]:
    """What lies at a path in a column, and the group of each of its values.

    Raises InvalidInput where the column has no such path, or a decimal is too large for an int64.
    Cost: a copy of values whose parents may be null; of lists one more of the groups.
    """
    for step in path:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        is_null, where = pa.types.is_null(array.type), f"column {name!r}, path {''.join(path)}"
        if step == "[]":
            if is_null:
                return array.slice(0, 0), None if groups is None else groups[:0]
            array = _as_list(array, where)
            if groups is not None:
                parents = pc.list_parent_indices(array).cast(pa.int64())
                groups = groups[_int64(parents)]
            array = pc.list_flatten(array)
        elif step == "#":
            array = array if is_null else pc.list_value_length(_as_list(array, where)).cast(pa.int64())
        elif step[0] == ".":
            if not is_null:
                if not pa.types.is_struct(array.type) or array.type.get_field_index(step[1:]) < 0:
                    raise InvalidInput(f"{array.type} has no field {step[1:]!r}", where=where)
                array = pc.struct_field(array, array.type.get_field_index(step[1:]))
        elif not is_null:
            array = _converted(array, step, where)
    return array, groups


def _int64(array: pa.Array) -> npt.NDArray[np.int64]:
    buffer = array.buffers()[1]
    return np.frombuffer(buffer or b"", np.int64, count=array.offset + len(array))[array.offset :]


def _as_list(array: pa.Array, where: str) -> pa.Array:
    types, data_type = pa.types, array.type
    if types.is_map(data_type):
        entry = pa.struct([pa.field("key", data_type.key_type), pa.field("value", data_type.item_type)])
        return array.cast(pa.list_(entry))
    if types.is_list_view(data_type) or types.is_large_list_view(data_type):
        return list_of_view(array)
    if not (types.is_list(data_type) or types.is_large_list(data_type) or types.is_fixed_size_list(data_type)):
        raise InvalidInput(f"{data_type} is no list", where=where)
    return array


_EXPECTED = {"us": "duration", "time": "time"}


def _converted(array: pa.Array, step: str, where: str) -> pa.Array:
    """Values as int64 or float64 where Arrow has a type of its own for them."""
    expected = _EXPECTED.get(step, "decimal")
    if kind_of(array.type) != expected:
        raise InvalidInput(f"{array.type} is no {expected}", where=where)
    if step == "~":
        return array.cast(pa.float64())
    if step in _EXPECTED:
        return _microseconds(array, where)
    return _unscaled(array, int(step[1:]), where)


def _microseconds(array: pa.Array, where: str) -> pa.Array:
    ticks = array.cast(pa.int32() if array.type.bit_width == 32 else pa.int64()).cast(pa.int64())
    if array.type.unit == "ns":
        whole = pc.divide(ticks, 1_000)  # towards zero
        is_short = pc.less(ticks, pc.multiply(whole, 1_000))
        return pc.subtract(whole, is_short.cast(pa.int64()))
    try:
        return pc.multiply_checked(ticks, {"s": 1_000_000, "ms": 1_000, "us": 1}[array.type.unit])
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"a value of {array.type} has more microseconds than an int64 holds", where=where) from error


def _unscaled(array: pa.Array, digits: int, where: str) -> pa.Array:
    """A decimal times 10^digits as int64."""
    try:
        wide = array.cast(pa.decimal128(38, digits))
    except pa.ArrowInvalid as error:
        raise InvalidInput(f"a value does not fit a decimal of {digits} digits: {error}", where=where) from error
    validity, data = wide.buffers()
    words = np.frombuffer(data or b"", np.int64, count=2 * (wide.offset + len(wide))).reshape(-1, 2)[wide.offset :]
    low, high = np.ascontiguousarray(words[:, 0]), words[:, 1]
    fits = high == low >> 63
    if not fits.all():
        is_value = np.ones(len(wide), np.bool_)
        if wide.null_count:
            bits = np.frombuffer(validity, np.uint8)
            is_value = np.unpackbits(bits, bitorder="little")[wide.offset : wide.offset + len(wide)].astype(np.bool_)
        if not fits[is_value].all():
            raise InvalidInput("a decimal has more digits than an int64 holds", where=where)
    if wide.null_count and wide.offset:
        validity = wide.is_valid().buffers()[1]
    return pa.Array.from_buffers(pa.int64(), len(wide), [validity if wide.null_count else None, pa.py_buffer(low)])

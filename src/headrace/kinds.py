"""Kinds: the few value types headrace reasons in, and the one canonical Arrow form of each.

| kind | Arrow types taken | canonical Arrow type | in a model |
|---|---|---|---|
| integer | int8 .. int64, uint8 .. uint64 | int64 | int64, a bit in `present` where nullable |
| number | float16, float32, float64 | float64 | float64, null = NaN |
| boolean | bool | bool | int64 0/1, a bit in `present` where nullable |
| text | string, large_string, string_view, dictionary of these | large_string | string, null = a reserved token |
| timestamp | timestamp of any unit and zone, date32, date64 | timestamp[us, tz=UTC] | int64 microseconds UTC |
| null | null | null | not allowed |
| other | everything else | unchanged | not allowed |
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput

__all__ = ["KINDS", "Kind", "arrow_type", "canonical_array", "kind_of"]

Kind = Literal["integer", "number", "boolean", "text", "timestamp", "null", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_ARROW: dict[str, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.large_string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "null": pa.null(),
}


def kind_of(data_type: pa.DataType) -> Kind:
    """The kind of an Arrow type.

    >>> kind_of(pa.dictionary(pa.int32(), pa.string()))
    'text'
    """
    types = pa.types
    if types.is_dictionary(data_type):
        inner = kind_of(data_type.value_type)
        return inner if inner != "other" else "other"
    if types.is_integer(data_type):
        return "integer"
    if types.is_floating(data_type):
        return "number"
    if types.is_boolean(data_type):
        return "boolean"
    if types.is_string(data_type) or types.is_large_string(data_type) or types.is_string_view(data_type):
        return "text"
    if types.is_timestamp(data_type) or types.is_date(data_type):
        return "timestamp"
    if types.is_null(data_type):
        return "null"
    return "other"


def arrow_type(kind: Kind) -> pa.DataType:
    """The canonical Arrow type of a kind; InvalidInput for "other", which has none."""
    if kind not in _ARROW:
        raise InvalidInput(f"kind {kind!r} has no canonical Arrow type")
    return _ARROW[kind]


def canonical_array(array: Any, *, name: str = "column") -> pa.Array:
    """An Arrow array (or chunked array) in its kind's canonical type: one chunk, dictionaries decoded.

    Timestamps without a zone are taken as UTC. Raises InvalidInput, naming the column, where a value does not fit
    (a uint64 above 2^63 - 1, seconds beyond int64 microseconds); a nanosecond timestamp that is no whole microsecond is
    cut off, towards the past.
    Cost: no copy when the type is canonical already.
    """
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    if isinstance(array, pa.ChunkedArray):  # combine_chunks of no chunks
        array = pa.array([], array.type)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = kind_of(array.type)
    if kind == "other" or array.type == _ARROW[kind]:
        return array
    try:
        if kind == "timestamp":
            if pa.types.is_date(array.type):
                array = array.cast(pa.timestamp("us") if array.type == pa.date32() else pa.timestamp("ms"))
            if array.type.unit == "ns":
                # A cast would cut towards 1970, and so move what lies before it into the future.
                nanos = array.cast(pa.int64())
                micros = pc.divide(nanos, 1000)
                is_short = pc.less(nanos, pc.multiply(micros, 1000))
                return pc.subtract(micros, is_short.cast(pa.int64())).cast(_ARROW[kind])
            return array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64()).cast(_ARROW[kind])
        return array.cast(_ARROW[kind])
    except pa.ArrowInvalid as error:
        raise InvalidInput(
            f"column {name!r} holds a value that does not fit {_ARROW[kind]}: {error}", where=f"type {array.type}"
        ) from error

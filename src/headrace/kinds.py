"""Kinds: the few value types headrace reasons in, and the one canonical Arrow form of each.

| kind | Arrow types taken | canonical Arrow type | in a model |
|---|---|---|---|
| integer | int8 .. int64, uint8 .. uint64 | int64 | int64, a bit in `present` where nullable |
| number | float16, float32, float64 | float64 | float64, null = NaN |
| boolean | bool | bool | int64 0/1, a bit in `present` where nullable |
| text | string, large_string, string_view, dictionary of these | large_string | string, null = a reserved token |
| timestamp | timestamp of any unit and zone, date32, date64 | timestamp[us, tz=UTC] | int64 microseconds UTC |
| null | null | null | not allowed |
| binary | binary of any width | unchanged | not allowed |
| decimal | decimal of any width | unchanged | not allowed: cast it to float64 before |
| duration | duration of any unit | unchanged | not allowed: cast it before |
| time | time of day, time32 and time64 | unchanged | not allowed: cast it before |
| list | lists of any width, maps | unchanged | in no lane: the prelude derives values of it |
| struct | struct | unchanged | its fields, `a.b`, each by its own kind |
| other | everything else (unions, intervals, extensions) | unchanged | not allowed |

The kinds from binary on are analysed (`headrace.statistics`) and described by a schema; nothing else takes them.
`PLAIN_KINDS` are the others: those that have a canonical Arrow type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput

__all__ = ["KINDS", "PLAIN_KINDS", "Kind", "arrow_type", "canonical_array", "fields_of", "kind_of", "list_of_view"]

Kind = Literal[
    "integer",
    "number",
    "boolean",
    "text",
    "timestamp",
    "null",
    "binary",
    "decimal",
    "duration",
    "time",
    "list",
    "struct",
    "other",
]
KINDS: tuple[Kind, ...] = get_args(Kind)

_ARROW: dict[str, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "text": pa.large_string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "null": pa.null(),
}
PLAIN_KINDS = frozenset(_ARROW)

_LARGER: tuple[tuple[Kind, tuple[Callable[[pa.DataType], bool], ...]], ...] = (
    (
        "binary",
        (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view),
    ),
    ("decimal", (pa.types.is_decimal,)),
    ("duration", (pa.types.is_duration,)),
    ("time", (pa.types.is_time,)),
    (
        "list",
        (
            pa.types.is_list,
            pa.types.is_large_list,
            pa.types.is_fixed_size_list,
            pa.types.is_list_view,
            pa.types.is_large_list_view,
            pa.types.is_map,
        ),
    ),
    ("struct", (pa.types.is_struct,)),
)


def kind_of(data_type: pa.DataType) -> Kind:
    """The kind of an Arrow type.

    >>> kind_of(pa.dictionary(pa.int32(), pa.string()))
    'text'
    """
    types = pa.types
    if types.is_dictionary(data_type):
        return kind_of(data_type.value_type)
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
    return next((kind for kind, belongs in _LARGER if any(test(data_type) for test in belongs)), "other")


def arrow_type(kind: Kind) -> pa.DataType:
    """The canonical Arrow type of a kind; InvalidInput for one that has none (see `PLAIN_KINDS`)."""
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
    if kind not in _ARROW or array.type == _ARROW[kind]:
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


def list_of_view(array: pa.Array) -> pa.Array:
    """A list view (of either width) as a list of the same width, its values in the order of its rows.

    Arrow 25's own cast leaves the last offset out where a row is null, and what it gives does not validate.
    """
    lengths = pc.fill_null(pc.list_value_length(array).cast(pa.int64()), 0)
    ends = pc.cumulative_sum(lengths)
    wide = pa.types.is_large_list_view(array.type)
    offsets = pa.concat_arrays([pa.array([0], pa.int64()), ends]).cast(pa.int64() if wide else pa.int32())
    build = pa.LargeListArray if wide else pa.ListArray
    mask = pc.is_null(array) if array.null_count else None
    return build.from_arrays(offsets, pc.list_flatten(array), mask=mask)


def _walk(data_type: pa.DataType, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], pa.DataType]]:
    if pa.types.is_struct(data_type):
        for field in data_type:
            yield (*path, field.name), field.type
            yield from _walk(field.type, (*path, field.name))


def fields_of(schema: pa.Schema) -> dict[str, tuple[tuple[str, ...], pa.DataType]]:
    """What lies in structs: the name `a.b` -> its path ("a", "b") and its type; structs before what is in them.

    Of two that would have one name the first.

    >>> fields_of(pa.schema([("a", pa.struct([("b", pa.int64())]))]))
    {'a.b': (('a', 'b'), DataType(int64))}
    """
    found: dict[str, tuple[tuple[str, ...], pa.DataType]] = {}
    for column in schema:
        for path, data_type in _walk(column.type, (column.name,)):
            found.setdefault(".".join(path), (path, data_type))
    for name in schema.names:
        found.pop(name, None)
    return found

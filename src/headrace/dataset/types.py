"""Types of columns as a data set knows them: encodings taken off, names checked, differences named."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from headrace.errors import InvalidInput, InvalidSchema, UnknownName
from headrace.fold import ROW_ID

__all__ = ["differences", "logical_schema", "logical_type", "one_schema", "parse_type", "type_text"]


def logical_type(data_type: pa.DataType) -> pa.DataType:
    """The type without its encoding: dictionaries decoded, run ends decoded, large and view forms made plain.

    >>> logical_type(pa.dictionary(pa.int32(), pa.large_string()))
    DataType(string)
    """
    types = pa.types
    if types.is_dictionary(data_type) or types.is_run_end_encoded(data_type):
        return logical_type(data_type.value_type)
    if types.is_large_string(data_type) or types.is_string_view(data_type):
        return pa.string()
    if types.is_large_binary(data_type) or types.is_binary_view(data_type):
        return pa.binary()
    # Parquet has no seconds and no date64: what they become in a file is what they are here.
    if types.is_date64(data_type):
        return pa.date32()
    if data_type == pa.time32("s"):
        return pa.time32("ms")
    if types.is_timestamp(data_type) and data_type.unit == "s":
        return pa.timestamp("ms", tz=data_type.tz)
    if types.is_map(data_type):
        return pa.map_(logical_type(data_type.key_type), logical_type(data_type.item_type))
    if types.is_fixed_size_list(data_type):
        return pa.list_(logical_type(data_type.value_type), data_type.list_size)
    if types.is_list(data_type) or types.is_large_list(data_type):
        return pa.list_(logical_type(data_type.value_type))
    if types.is_list_view(data_type) or types.is_large_list_view(data_type):
        return pa.list_(logical_type(data_type.value_type))
    if types.is_struct(data_type):
        return pa.struct([pa.field(item.name, logical_type(item.type)) for item in data_type])
    return data_type


def logical_schema(schema: pa.Schema, where: str) -> pa.Schema:
    """A schema of logical types, all nullable, without metadata.

    Raises InvalidInput, naming `where`, for two columns of one name, a name that is no text, or the reserved one.
    """
    if not schema.names:
        raise InvalidInput("there are no columns", where=where, expected="at least one")
    seen: set[str] = set()
    for name in schema.names:
        if name == ROW_ID:
            raise InvalidInput(f"a column is named {ROW_ID!r}", where=where, fix="rename it: the name is reserved")
        if name in seen:
            raise InvalidInput(f"two columns are named {name!r}", where=where, fix="rename one of them")
        seen.add(name)
    return pa.schema([pa.field(item.name, logical_type(item.type)) for item in schema])


def differences(schemas: Sequence[tuple[str, pa.Schema]]) -> dict[str, dict[str, pa.DataType | None]]:
    """The columns on which schemas do not agree: column -> span -> its type there, None where it is missing."""
    names = dict.fromkeys(name for _, schema in schemas for name in schema.names)
    found: dict[str, dict[str, pa.DataType | None]] = {}
    for name in names:
        kinds: dict[str, pa.DataType | None] = {
            span: schema.field(name).type if name in schema.names else None for span, schema in schemas
        }
        if len(set(kinds.values())) > 1:
            found[name] = kinds
    return found


def one_schema(schemas: Sequence[tuple[str, pa.Schema]], columns: Sequence[str] | None = None) -> pa.Schema:
    """The schema all spans share; with `columns` only of those, in their order.

    Raises InvalidSchema that names the columns, types and spans which differ, UnknownName for a column in none.
    """
    uneven = differences(schemas)
    names = schemas[0][1].names if columns is None else list(columns)
    bad = list(uneven) if columns is None else [name for name in names if name in uneven]
    if bad:
        shown = "; ".join(_difference(name, uneven[name]) for name in bad[:5])
        more = f", and {len(bad) - 5} more columns" if len(bad) > 5 else ""
        raise InvalidSchema(
            f"the spans of this data set differ in shape: {shown}{more}",
            fix="validate names every difference; select_spans leaves out the spans at fault",
        )
    for name in names:
        if name not in schemas[0][1].names:
            raise UnknownName("column", name, schemas[0][1].names)
    return pa.schema([schemas[0][1].field(name) for name in names])


def _difference(name: str, kinds: dict[str, pa.DataType | None]) -> str:
    by_type: dict[str, list[str]] = {}
    for span, kind in kinds.items():
        by_type.setdefault("missing" if kind is None else str(kind), []).append(span)
    shown = (f"{kind} in {', '.join(where[:3])}{' ...' if where[3:] else ''}" for kind, where in by_type.items())
    return f"{name!r} is {' but '.join(shown)}"


_UNITS = "s|ms|us|ns"
_TIMED = re.compile(rf"(timestamp|duration|time32|time64)\[({_UNITS})(?:, tz=(.+))?\]")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d+), (-?\d+)\)")
_FIXED = re.compile(r"fixed_size_binary\[(\d+)\]")
_PLAIN: dict[str, Any] = {
    str(kind): kind
    for kind in (
        *(pa.null(), pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32()),
        *(pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.binary(), pa.date32(), pa.date64()),
    )
}


def type_text(data_type: pa.DataType) -> str:
    """A logical type as text that `parse_type` reads back; nested types carry their Arrow form in base64."""
    text = str(data_type)
    if _is_plain(text):
        return text
    buffer = pa.schema([pa.field("", data_type)]).serialize()
    return f"{text} arrow:{base64.b64encode(buffer.to_pybytes()).decode()}"


def _is_plain(text: str) -> bool:
    return text in _PLAIN or any(pattern.fullmatch(text) for pattern in (_TIMED, _DECIMAL, _FIXED))


def parse_type(text: str) -> pa.DataType:
    """Read what `type_text` wrote; InvalidInput for anything else.

    >>> parse_type("timestamp[us, tz=UTC]")
    TimestampType(timestamp[us, tz=UTC])
    """
    if text in _PLAIN:
        return _PLAIN[text]
    if timed := _TIMED.fullmatch(text):
        name, unit, zone = timed.groups()
        return pa.timestamp(unit, tz=zone) if name == "timestamp" else getattr(pa, name)(unit)
    if decimal := _DECIMAL.fullmatch(text):
        width, precision, scale = (int(item) for item in decimal.groups())
        return getattr(pa, f"decimal{width}")(precision, scale)
    if fixed := _FIXED.fullmatch(text):
        return pa.binary(int(fixed[1]))
    _, mark, data = text.rpartition(" arrow:")
    if mark:
        try:
            return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(data, validate=True))).field(0).type
        except (ValueError, pa.ArrowException, OSError) as error:
            raise InvalidInput(f"{text[:60]!r} is not a type: {error}", where="manifest") from error
    raise InvalidInput(f"{text!r} is not a type", where="manifest")

"""Types of columns as a data set knows them: encodings taken off, names checked, differences named."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from headrace.errors import InvalidInput, InvalidSchema, UnknownName
from headrace.fold import ROW_ID

__all__ = [
    "common_type",
    "difference_text",
    "differences",
    "joined_schema",
    "logical_schema",
    "logical_type",
    "one_schema",
    "parse_type",
    "renamed_schema",
    "shared_schema",
    "type_text",
]


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
    if all(schema.equals(schemas[0][1]) for _, schema in schemas[1:]):  # as nearly always, and in no time
        return {}
    types = [(span, dict(zip(schema.names, schema.types, strict=True))) for span, schema in schemas]
    names = dict.fromkeys(name for _, by_name in types for name in by_name)
    found: dict[str, dict[str, pa.DataType | None]] = {}
    for name in names:
        kinds: dict[str, pa.DataType | None] = {span: by_name.get(name) for span, by_name in types}
        if len(set(kinds.values())) > 1:
            found[name] = kinds
    return found


def common_type(types: Iterable[pa.DataType]) -> pa.DataType | None:
    """The type in which values of all these types can be read without loss, or None where there is none.

    Integers and floats take the widest; integers beside floats are float64, where a value that is not exact is an
    error of reading; moments the finest unit, those with a zone never beside those without; a column without any value
    (null) is at home everywhere.

    >>> common_type([pa.int32(), pa.int64(), pa.null()])
    DataType(int64)
    >>> common_type([pa.timestamp("ms", "UTC"), pa.timestamp("us", "America/New_York")])
    TimestampType(timestamp[us, tz=UTC])
    >>> common_type([pa.int64(), pa.string()]) is None
    True
    """
    found = list(dict.fromkeys(item for item in types if not pa.types.is_null(item)))
    if len(found) < 2:
        return found[0] if found else pa.null()
    if all(pa.types.is_integer(item) for item in found):
        return _common_integer(found)
    if all(pa.types.is_integer(item) or pa.types.is_floating(item) for item in found):
        has_integer = any(pa.types.is_integer(item) for item in found)
        return pa.float64() if has_integer else max(found, key=lambda item: item.bit_width)
    if all(pa.types.is_timestamp(item) for item in found) and len({item.tz is None for item in found}) == 1:
        unit = max((item.unit for item in found), key=("s", "ms", "us", "ns").index)
        zones = {item.tz for item in found}
        return pa.timestamp(unit, tz=zones.pop() if len(zones) == 1 else "UTC")
    return None


def _common_integer(types: Sequence[pa.DataType]) -> pa.DataType | None:
    signed = [item.bit_width for item in types if pa.types.is_signed_integer(item)]
    unsigned = [item.bit_width for item in types if not pa.types.is_signed_integer(item)]
    if not signed:
        return max(types, key=lambda item: item.bit_width)
    width = max(*signed, *(2 * item for item in unsigned)) if unsigned else max(signed)
    return {8: pa.int8(), 16: pa.int16(), 32: pa.int32(), 64: pa.int64()}.get(width)


def shared_schema(schemas: Sequence[tuple[str, pa.Schema]], columns: Sequence[str] | None = None) -> pa.Schema:
    """The columns that every span has, each in the type in which all of them can be read.

    With `columns` exactly these, in their order: InvalidSchema, naming spans and types, for one that a span lacks or
    has in a type that does not go with the others'; UnknownName for a column in none.
    """
    uneven = differences(schemas)
    common = {name: common_type(filter(None, kinds.values())) for name, kinds in uneven.items() if all(kinds.values())}
    readable = {name: kind for name, kind in common.items() if kind is not None}
    if columns is not None:
        _refuse(uneven, [name for name in columns if name in uneven and name not in readable])
    names = list(dict.fromkeys(name for _, schema in schemas for name in schema.names)) if columns is None else columns
    first = dict(zip(schemas[0][1].names, schemas[0][1], strict=True)) if schemas else {}
    fields = []
    for name in names:
        if name in readable:
            fields.append(pa.field(name, readable[name]))
        elif name not in uneven:
            if name not in first:
                raise UnknownName("column", name, list(first))
            fields.append(first[name])
    return pa.schema(fields)


def one_schema(files: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    """The schema that all files of one span share, type by type; `files` are (name, schema).

    Raises InvalidSchema that names the columns, types and files which differ.
    """
    uneven = differences(files)
    if uneven:
        raise InvalidSchema(
            f"the files of one span differ in shape: {_listed(uneven, list(uneven))}",
            fix="write them alike, or give each shape a span of its own: {span} in the pattern",
        )
    return files[0][1]


def joined_schema(
    files: Sequence[tuple[str, pa.Schema]], join: Callable[[Sequence[pa.DataType]], pa.DataType | None]
) -> pa.Schema:
    """The schema in which files of one span are read together, where their format lets a column's type be widened.

    Parameters
    ----------
    files : sequence of (name, schema)
        At least one.
    join : callable
        The type that values of all these types can be read in; None where there is none.

    Raises InvalidSchema that names the columns, types and files which differ all the same.

    >>> files = [("a", pa.schema([("x", pa.int64())])), ("b", pa.schema([("x", pa.float64())]))]
    >>> joined_schema(files, common_type).field("x").type
    DataType(double)
    """
    met: dict[str, list[pa.DataType]] = {}
    for _, schema in files:
        for field in schema:
            met.setdefault(field.name, []).append(field.type)
    joined = {name: join(types) for name, types in met.items()}
    read = [pa.schema([(field.name, joined[field.name] or field.type) for field in schema]) for _, schema in files]
    return one_schema([(where, schema) for (where, _), schema in zip(files, read, strict=True)])


def _refuse(uneven: Mapping[str, dict[str, pa.DataType | None]], bad: Sequence[str]) -> None:
    if bad:
        raise InvalidSchema(
            f"the spans of this data set differ in shape: {_listed(uneven, bad)}",
            fix="validate names every difference; select_spans leaves out the spans at fault",
        )


def _listed(uneven: Mapping[str, dict[str, pa.DataType | None]], bad: Sequence[str]) -> str:
    more = f", and {len(bad) - 5} more columns" if len(bad) > 5 else ""
    return "; ".join(difference_text(name, uneven[name]) for name in bad[:5]) + more


def renamed_schema(schema: pa.Schema, rename: Mapping[str, str], where: str) -> pa.Schema:
    """The schema with columns under other names; those that it lacks change nothing.

    Raises InvalidInput, naming `where`, when two columns would have one name.
    """
    fields = [item.with_name(rename.get(item.name, item.name)) for item in schema]
    return logical_schema(pa.schema(fields), f"{where}, after renaming")


def difference_text(name: str, kinds: Mapping[str, pa.DataType | None]) -> str:
    """How spans differ in a column: "'x' is int32 in 2013-01 but missing in 2013-02"."""
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

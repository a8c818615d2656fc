"""Fields of structs as columns of their own: `a.b` is field b of the struct column a, and so on however deep.

A column that is itself called `a.b` comes first: the field of that name cannot be reached. Where a struct is null, its
fields are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidSchema
from headrace.kinds import fields_of

__all__ = ["field_of", "names_with_fields", "root_of", "select_with_fields", "with_fields"]


def names_with_fields(schemas: Iterable[pa.Schema]) -> list[str]:
    """The names of all columns, each once, then those of all fields."""
    schemas = list(schemas)
    columns = dict.fromkeys(name for schema in schemas for name in schema.names)
    return list(columns | dict.fromkeys(name for schema in schemas for name in fields_of(schema)))


def with_fields(schema: pa.Schema, names: Sequence[str] | None) -> pa.Schema:
    """The schema, and after its columns those of the names that are fields."""
    if names is None or set(schema.names).issuperset(names):  # thousands of columns: no list of all for each
        return schema
    there = fields_of(schema)
    return pa.schema([*schema, *(pa.field(name, there[name][1]) for name in dict.fromkeys(names) if name in there)])


def root_of(schema: pa.Schema, name: str) -> str:
    """The column to read for a name: itself, or the struct that the field lies in."""
    return name if name in schema.names or name not in (there := fields_of(schema)) else there[name][0][0]


def field_of(column: Any, path: Sequence[str], *, is_optional: bool = False) -> Any:
    """What lies at a path in a struct column (its own name first), an array or chunked array; null where a struct is.

    Raises InvalidSchema where something on the way is no struct, or has no such field, unless that `is_optional`: then
    it is null. Cost: a copy of the nulls.
    """
    for depth, name in enumerate(path[1:], 1):
        if pa.types.is_null(column.type):
            return column
        index = column.type.get_field_index(name) if pa.types.is_struct(column.type) else -1
        if index < 0:
            if is_optional and pa.types.is_struct(column.type):
                return pa.nulls(len(column))
            held = ".".join(path[:depth])
            raise InvalidSchema(f"{held!r} is {column.type}", where="table", expected=f"a struct with a field {name!r}")
        column = pc.struct_field(column, index)
    return column


def select_with_fields(batch: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """These columns and fields of a batch, in this order."""
    if all(name in batch.schema.names for name in names):
        return batch.select(list(names))
    there = fields_of(batch.schema)
    arrays = [
        field_of(batch.column(there[name][0][0]), there[name][0]) if name in there else batch.column(name)
        for name in names
    ]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))

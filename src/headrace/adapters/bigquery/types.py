"""BigQuery's types as Arrow's, before a row is read."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
from google.cloud import bigquery

__all__ = ["arrow_schema"]

_TYPES = {
    "INTEGER": pa.int64(),
    "INT64": pa.int64(),
    "FLOAT": pa.float64(),
    "FLOAT64": pa.float64(),
    "NUMERIC": pa.float64(),
    "BIGNUMERIC": pa.float64(),
    "BOOLEAN": pa.bool_(),
    "BOOL": pa.bool_(),
    "BYTES": pa.binary(),
    "DATE": pa.date32(),
    "DATETIME": pa.timestamp("us"),
    "TIMESTAMP": pa.timestamp("us", tz="UTC"),
    "TIME": pa.time64("us"),
}


def arrow_schema(fields: Sequence[bigquery.SchemaField]) -> pa.Schema:
    """The columns in the types in which they are read; what Arrow has no type for is text."""
    return pa.schema([_arrow_field(item) for item in fields])


def _arrow_field(field: bigquery.SchemaField) -> pa.Field:
    if field.field_type in ("RECORD", "STRUCT"):
        kind = pa.struct([_arrow_field(item) for item in field.fields])
    else:
        kind = _TYPES.get(field.field_type, pa.string())
    return pa.field(field.name, pa.list_(kind) if field.mode == "REPEATED" else kind)

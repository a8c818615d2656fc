"""The laws of the codec: every road from raw values into a model gives the same lanes, byte for byte."""

from __future__ import annotations

import base64
import datetime
import struct
import zlib
from typing import Any, ClassVar

import numpy as np
import orjson
import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.model import Codec, InputColumn
from headrace.schema import arrow_type

__all__ = ["CodecCases", "as_moments", "equal_lanes", "nested", "png_of", "rows_of", "table_of", "to_body"]

# The same law runs in several classes; what Hypothesis warns of there concerns its database, which is not used.
_SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.differing_executors],
)


def png_of(rows: list[bytes]) -> bytes:
    """A grey PNG of these rows of pixels, all as long."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


_EPOCH = datetime.datetime(1970, 1, 1)
_TEXTS = st.one_of(
    st.sampled_from(["", " ", "AA", "é", "e\u0301", "🛫", "null", "NULL", "None", "nan", "a\x00", "\u200b", "\ufeff"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=6).filter(lambda text: not text.startswith("\x00")),
)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "binary": st.builds(png_of, st.lists(st.binary(min_size=3, max_size=3), min_size=1, max_size=4)),
    "number": st.one_of(
        st.floats(allow_nan=True),
        st.sampled_from([0.0, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("-inf"), float("nan")]),
        st.sampled_from([0, -1, 2**53 + 1, -(2**63), 2**63 - 1]),
    ),
    "integer": st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([0, 2**53 + 1, -(2**63), 2**63 - 1])),
    "boolean": st.booleans(),
    "text": _TEXTS,
    "timestamp": st.datetimes().map(lambda moment: (moment - _EPOCH) // datetime.timedelta(microseconds=1)),
}


def rows_of(columns: tuple[InputColumn, ...], *, max_rows: int = 5) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows for these columns as Python values: nulls where allowed, extremes of every kind, timestamps as int64 us."""
    fields = {}
    for column in columns:
        values = _VALUES[column.values_kind or column.kind]
        if column.is_list:
            values = st.lists(st.one_of(st.none(), values), max_size=4)
        fields[column.name] = st.one_of(st.none(), values) if column.is_nullable else values
    return st.lists(st.fixed_dictionaries(fields), max_size=max_rows)


def table_of(rows: list[dict[str, Any]], columns: tuple[InputColumn, ...]) -> pa.Table:
    """The rows as an Arrow table in canonical types; fields of structs in structs, null where all of them are."""
    arrays = []
    for column in columns:
        values = [row[column.name] for row in rows]
        if column.kind == "number":
            values = [None if value is None else float(value) for value in values]
        if column.kind == "timestamp":
            arrays.append(pa.array(values, pa.int64()).cast(arrow_type("timestamp")))
        elif column.kind == "binary":
            arrays.append(pa.array(values, column.arrow_type))
        elif column.is_list:
            if column.values_kind == "number":
                values = [None if v is None else [None if i is None else float(i) for i in v] for v in values]
            plain = pa.int64() if column.values_kind == "timestamp" else column.arrow_type.value_type
            arrays.append(pa.array(values, pa.list_(plain), from_pandas=False).cast(column.arrow_type))
        else:
            arrays.append(pa.array(values, arrow_type(column.kind), from_pandas=False))
    tree: dict[str, Any] = {}
    for column, array in zip(columns, arrays, strict=True):
        _into(tree, column)[(column.path or (column.name,))[-1]] = array
    return pa.table({name: _as_struct(item) for name, item in tree.items()})


def _into(tree: dict[str, Any], column: InputColumn) -> dict[str, Any]:
    """The mapping of a tree that holds the column, or the field."""
    for name in column.path[:-1]:
        tree = tree.setdefault(name, {})
    return tree


def _as_struct(item: Any) -> pa.Array:
    if not isinstance(item, dict):
        return item
    fields = {name: _as_struct(inner) for name, inner in item.items()}
    is_null = np.all([array.is_null().to_numpy(zero_copy_only=False) for array in fields.values()], axis=0)
    return pa.StructArray.from_arrays(list(fields.values()), list(fields), mask=pa.array(is_null, pa.bool_()))


def nested(row: dict[str, Any], columns: tuple[InputColumn, ...]) -> dict[str, Any]:
    """The row with fields of structs in objects; a struct whose fields are all null is null."""
    tree: dict[str, Any] = {}
    for column in columns:
        if column.name in row:
            _into(tree, column)[(column.path or (column.name,))[-1]] = row[column.name]
    found = {
        name: _or_null(item) if any(name == one.root for one in columns if one.path) else item
        for name, item in tree.items()
    }
    return found | {name: item for name, item in row.items() if name not in {one.name for one in columns}}


def _or_null(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    fields = {name: _or_null(inner) for name, inner in item.items()}
    return None if all(inner is None for inner in fields.values()) else fields


def to_body(rows: list[dict[str, Any]], columns: tuple[InputColumn, ...]) -> bytes:
    """The rows as a request body; NaN and the infinities as bare tokens, timestamps as RFC 3339."""
    kinds = {column.name: column.values_kind or column.kind for column in columns}

    def encode(name: str, value: Any) -> str:
        if isinstance(value, bytes):
            return f'{{"b64":"{base64.b64encode(value).decode()}"}}'
        if isinstance(value, dict):
            inner = ",".join(
                f"{orjson.dumps(key).decode()}:{encode(f'{name}.{key}', one)}" for key, one in value.items()
            )
            return "{" + inner + "}"
        if isinstance(value, list):
            return "[" + ",".join(encode(name, item) for item in value) + "]"
        if kinds.get(name) == "timestamp" and value is not None:
            moment = _EPOCH + datetime.timedelta(microseconds=value)
            value = moment.isoformat(timespec="microseconds" if moment.microsecond else "seconds") + "Z"
        if isinstance(value, float) and not np.isfinite(value):
            return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return orjson.dumps(value).decode()

    rows = [nested(row, columns) for row in rows]
    texts = ["{" + ",".join(f"{orjson.dumps(k).decode()}:{encode(k, v)}" for k, v in row.items()) + "}" for row in rows]
    return ('{"instances":[' + ",".join(texts) + "]}").encode()


def as_moments(value: Any) -> Any:
    """Microseconds, None, or a list of these, as Python's datetimes."""
    if isinstance(value, list):
        return [as_moments(item) for item in value]
    return None if value is None else _EPOCH + datetime.timedelta(microseconds=value)


def equal_lanes(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether two lanes are the same to the byte: names, order, dtypes, shapes, values, NaN by its bits."""
    if list(left) != list(right):
        return False
    for name, one in left.items():
        other = right[name]
        if one.dtype != other.dtype or one.shape != other.shape:
            return False
        if one.dtype == np.object_:
            if one.tolist() != other.tolist() or {type(text) for text in [*one.flat, *other.flat]} - {str}:
                return False
        elif one.tobytes() != other.tobytes():
            return False
    return True


class CodecCases:
    """Inherit in a test class and give `columns`: every road into the codec is then compared on random rows.

    Parameters
    ----------
    columns : tuple of InputColumn
        What the codec reads; draw rows include each column's nulls and extremes.
    """

    columns: ClassVar[tuple[InputColumn, ...]] = (InputColumn("x", "number"),)

    @_SETTINGS
    @given(data=st.data())
    def test_all_roads_give_the_same_lanes(self, data: st.DataObject) -> None:
        """Batch, JSON, Python rows and arrays: equal values, equal bytes."""
        codec, rows = Codec(self.columns), data.draw(rows_of(self.columns))
        table = table_of(rows, self.columns)
        lanes = codec.from_batch(table)
        assert equal_lanes(codec.from_json(to_body(rows, self.columns)), lanes), "JSON"
        timestamps = [column.name for column in self.columns if "timestamp" in (column.kind, column.values_kind)]
        python = [dict(row) for row in rows]
        for row in python:
            for name in timestamps:
                row[name] = as_moments(row[name])
        assert equal_lanes(codec.from_rows([nested(row, self.columns) for row in python]), lanes), "Python rows"
        tensors = {column.name: [row[column.name] for row in python] for column in self.columns}
        assert equal_lanes(codec.from_tensors(tensors), lanes), "lists"

    @_SETTINGS
    @given(data=st.data())
    def test_the_layout_of_a_table_cannot_be_seen(self, data: st.DataObject) -> None:
        """Slices, chunks and dictionaries of the same values give the same lanes."""
        codec, rows = Codec(self.columns), data.draw(rows_of(self.columns))
        table = table_of(rows, self.columns)
        lanes = codec.from_batch(table)
        padded = pa.concat_tables([table, table, table]).combine_chunks().slice(table.num_rows, table.num_rows)
        assert equal_lanes(codec.from_batch(padded), lanes), "slice"
        cut = data.draw(st.integers(0, table.num_rows))
        chunks = pa.concat_tables([table.slice(0, cut), table.slice(cut)])
        assert equal_lanes(codec.from_batch(chunks), lanes), "chunks"
        for column in self.columns:
            if column.kind == "text" and not column.path:
                index = chunks.schema.get_field_index(column.name)
                chunks = chunks.set_column(index, column.name, chunks.column(index).dictionary_encode())
        assert equal_lanes(codec.from_batch(chunks), lanes), "dictionary"

    @_SETTINGS
    @given(data=st.data())
    def test_a_row_does_not_know_its_neighbours(self, data: st.DataObject) -> None:
        """A body of many rows gives, row by row, what bodies of one give."""
        codec, rows = Codec(self.columns), data.draw(rows_of(self.columns))
        lanes = codec.from_json(to_body(rows, self.columns))
        for index, row in enumerate(rows):
            alone = codec.from_json(to_body([row], self.columns))
            assert equal_lanes(alone, {name: lane[index : index + 1] for name, lane in lanes.items()})

    @_SETTINGS
    @given(data=st.data())
    def test_the_fast_reading_equals_the_slow_one(self, data: st.DataObject) -> None:
        """What the plans read at once is what value by value gives."""
        codec, rows = Codec(self.columns), data.draw(rows_of(self.columns))
        for row in rows:
            for column in self.columns:
                if column.kind == "timestamp" and row[column.name] is not None:
                    row[column.name] = (_EPOCH + datetime.timedelta(microseconds=row[column.name])).isoformat() + "Z"
        assert equal_lanes(codec._rows.read(rows), codec._rows.read_slow(rows))

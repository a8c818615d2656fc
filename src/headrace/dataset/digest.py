"""The logical digest of rows: what they say, whoever wrote them down and however.

Dictionaries are decoded, offsets rebased, nulls zeroed; the bounds of batches, row groups and files are not counted.
Each column is a few byte streams, each with a sha256 of its own: the values (or lengths and bytes), and the row
numbers of the nulls. Nested columns are the streams of their parts. A part's digest is that of the list of
(name, type, streams); without a key it also holds the row ids, because those then say which file a row came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.canonical import digest
from headrace.dataset.types import logical_type

__all__ = ["RowsDigest"]

_FORMAT = 1


class _Stream:
    """The sha256 of one column of one part, fed batch after batch."""

    def __init__(self) -> None:
        self._hashes: dict[str, Any] = {}
        self._rows: dict[str, int] = {}

    def _feed(self, name: str, data: Any) -> None:
        if name not in self._hashes:
            self._hashes[name] = hashlib.sha256()
        self._hashes[name].update(data)

    def add(self, array: pa.Array, path: str = "") -> None:
        types, kind = pa.types, array.type
        if types.is_dictionary(kind):
            array, kind = array.dictionary_decode(), kind.value_type
        elif types.is_run_end_encoded(kind):
            array, kind = pc.run_end_decode(array), kind.value_type
        start = self._rows.get(path, 0)
        self._rows[path] = start + len(array)
        if len(array) == 0 or types.is_null(kind):
            return
        nulls: npt.NDArray[np.int64] | None = None
        if array.null_count:
            nulls = np.flatnonzero(_bools(pc.is_null(array)))
            self._feed(f"{path}nulls", np.ascontiguousarray(nulls + start, dtype="<i8"))
        if types.is_boolean(kind):
            self._values(path, _bools(array).astype(np.uint8), nulls)
        elif (
            types.is_string(kind) or types.is_binary(kind) or types.is_large_string(kind) or types.is_large_binary(kind)
        ):
            self._texts(path, array, nulls)
        elif types.is_string_view(kind) or types.is_binary_view(kind):
            self._texts(path, array.cast(pa.large_binary()), nulls)
        elif types.is_fixed_size_binary(kind) or types.is_decimal(kind) or types.is_primitive(kind):
            width = kind.byte_width if not types.is_primitive(kind) else kind.bit_width // 8
            data = array.buffers()[1]
            cells = np.frombuffer(data, dtype=np.uint8, count=(array.offset + len(array)) * width)
            self._values(path, cells.reshape(-1, width)[array.offset :], nulls)
        elif types.is_struct(kind):
            for item, child in zip(kind, array.flatten(), strict=True):
                self.add(child, f"{path}{item.name}.")
        elif types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind) or types.is_map(kind):
            if types.is_map(kind):
                array = array.cast(pa.list_(pa.struct([kind.key_field, kind.item_field])))
            lengths = pc.fill_null(pc.list_value_length(array).cast(pa.int64()), 0)
            self._feed(f"{path}lengths", lengths.buffers()[1].to_pybytes()[lengths.offset * 8 :][: len(lengths) * 8])
            self.add(array.flatten(), f"{path}item.")
        else:  # rare: unions, views, extensions; slow, but the same for equal values
            for value in array.to_pylist():
                self._feed(f"{path}text", repr(value).encode("utf-8", "surrogatepass") + b"\x00")

    def _values(self, path: str, cells: npt.NDArray[Any], nulls: npt.NDArray[np.int64] | None) -> None:
        if nulls is not None:
            cells = cells.copy()
            cells[nulls] = 0
        self._feed(f"{path}values", np.ascontiguousarray(cells).reshape(-1).view(np.uint8))

    def _texts(self, path: str, array: pa.Array, nulls: npt.NDArray[np.int64] | None) -> None:
        offsets = _offsets(array)
        lengths = np.diff(offsets).astype("<i8")
        if nulls is not None and lengths[nulls].any():  # a null may own bytes
            lengths[nulls] = 0
            self._feed(f"{path}lengths", lengths)
            self._feed(f"{path}bytes", _text_bytes(array.drop_null()))
            return
        self._feed(f"{path}lengths", lengths)
        self._feed(f"{path}bytes", _text_bytes(array))

    def finish(self) -> dict[str, str]:
        return {name: found.hexdigest() for name, found in self._hashes.items()}


def _offsets(array: pa.Array) -> npt.NDArray[Any]:
    wide = pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type)
    count = array.offset + len(array) + 1
    return np.frombuffer(array.buffers()[1], dtype="<i8" if wide else "<i4", count=count)[array.offset :]


def _text_bytes(array: pa.Array) -> memoryview:
    data = array.buffers()[2]
    if data is None or len(array) == 0:
        return memoryview(b"")
    offsets = _offsets(array)
    return memoryview(data)[int(offsets[0]) : int(offsets[-1])]


def _bools(array: pa.Array) -> npt.NDArray[np.bool_]:
    raw = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    return np.unpackbits(raw, bitorder="little")[array.offset : array.offset + len(array)].view(np.bool_)


class RowsDigest:
    """The digest of one part: feed its batches in source order, then ask.

    Parameters
    ----------
    schema : pyarrow.Schema
        Names and types of the part's columns.
    identity : sequence of str
        What row ids are made of: the key's columns; empty when rows are known by their place.

    >>> one, two = RowsDigest(pa.schema({"a": pa.string()}), ["a"]), RowsDigest(pa.schema({"a": pa.string()}), ["a"])
    >>> one.add(pa.record_batch({"a": ["x", "y"]}), None)
    >>> two.add(pa.record_batch({"a": pa.array(["x", "y"]).dictionary_encode()}), None)
    >>> one.finish() == two.finish()
    True
    """

    def __init__(self, schema: pa.Schema, identity: Sequence[str]) -> None:
        self._schema, self._identity = schema, list(identity)
        self._streams = [_Stream() for _ in schema]
        self._place = hashlib.sha256()
        self.num_rows = 0

    def add(self, batch: pa.RecordBatch, row_id: npt.NDArray[np.uint64] | None) -> None:
        """Add the columns of the schema, in its order; `row_id` for rows that are known by their place."""
        self.num_rows += batch.num_rows
        for stream, column in zip(self._streams, batch.columns, strict=True):
            stream.add(column)
        if row_id is not None:
            self._place.update(np.ascontiguousarray(row_id, dtype="<u8").data)

    def finish(self) -> str:
        """The digest: 64 hexadecimal digits."""
        columns = [
            [item.name, str(logical_type(item.type)), stream.finish()]
            for item, stream in zip(self._schema, self._streams, strict=True)
        ]
        identity = self._identity or [f"place {self._place.hexdigest()}"]
        return digest({"format": _FORMAT, "rows": self.num_rows, "identity": identity, "columns": columns})

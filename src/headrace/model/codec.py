"""Codec: raw values into a model's lanes, the only place that does it, for training, evaluation and serving alike.

Whatever the road (Arrow batch, JSON body, Python rows, arrays), equal values give equal lanes, byte for byte. Nothing
a client sent reaches ONNX Runtime unchecked: given Python objects it would turn None into the text "None" and cut
texts at U+0000 without a word.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset.tables import as_table
from headrace.errors import InvalidRequest
from headrace.model._arrow import read_batch, read_codes, read_numbers
from headrace.model._binary import Blobs, blobs_of_batch, blobs_of_rows, blobs_of_tensors
from headrace.model._lists import Lists, lists_of_batch, lists_of_rows, lists_of_tensors
from headrace.model._rows import Lanes, RowReader
from headrace.model._structs import Flattener
from headrace.model._tensors import read_tensors
from headrace.model._values import show
from headrace.model.columns import NULL_TEXT, InputColumn, layout_of
from headrace.model.images import check_decoder
from headrace.model.prelude import values_of

__all__ = ["NULL_TEXT", "Codec", "Lanes", "parse_body", "read_codes", "read_derived", "read_numbers"]

Apart = Lists | Blobs  # of one column that lies in no lane

_PIXEL_BYTES = 256 << 20  # of pictures: their values as bytes, and as the numbers that the graph makes of them
_SHAPE = '{"instances": [{"column": value, ...}, ...]}'


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is beyond the largest float")
    return value


def _int_like_orjson(text: str) -> int | float:
    # orjson, the first parser, reads whole numbers beyond 64 bits as floats: a body must not mean something else
    # because it has a NaN in it.
    value = int(text) if len(text) <= 40 else None
    if value is not None and -(1 << 63) <= value < 1 << 64:
        return value
    return _finite(text)


def parse_body(body: bytes, expected: str = _SHAPE) -> Any:
    """What a body of JSON says; bare NaN, Infinity and -Infinity are floats. Raises InvalidRequest for what is none.

    Of a key that an object has twice the last counts. At most 1,024 brackets lie within each other.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        problem = str(error)
    data = bytes(body)
    if b"NaN" in data or b"Infinity" in data:  # floats every sender but JSON has: Python's json, pandas, JavaScript
        try:
            return json.loads(data.decode("utf-8"), parse_float=_finite, parse_int=_int_like_orjson)
        except (ValueError, RecursionError) as error:
            problem = str(error)
    raise InvalidRequest(f"the body is not JSON: {problem[:200]}", expected=expected)


class Codec:
    """Reads raw values into the lanes of a model's columns.

    The lanes are `number` float64[N, a], `integer` int64[N, b], `text` object[N, c] and `present` bool[N, d]
    (`headrace.model.columns`); a lane without columns is absent. A null is NaN in `number`, 0 with a False bit in
    `integer`, NULL_TEXT in `text`. A NaN in a number column is a null, and is accepted where null is not. What the
    prelude derives from texts (`headrace.model.prelude`) is computed here, and lies behind the raw columns.

    Parameters
    ----------
    columns : sequence of InputColumn
        In the model's column order.
    ignored : collection of str
        Names a client may send beside them, such as the raw columns that no feature uses; their values are not read.

    Safe to share by threads.

    Examples
    --------
    >>> codec = Codec([InputColumn("distance", "number"), InputColumn("carrier", "text")])
    >>> codec.from_json(b'{"instances": [{"distance": 1400, "carrier": "AA"}]}')
    {'number': array([[1400.]]), 'text': array([['AA']], dtype=object)}
    """

    def __init__(self, columns: Sequence[InputColumn], ignored: Collection[str] = ()) -> None:
        self.columns = tuple(columns)
        self.layout = layout_of(self.columns)
        self._ignored = frozenset(ignored)
        self._raw = tuple(dataclasses.replace(column, derived=()) for column in self.columns if column.has_lane)
        self._lists = tuple(column for column in self.columns if not column.has_lane)  # binary too
        self._raw_layout = layout_of(self._raw)
        self.flat = Flattener(self.columns)
        self._rows = RowReader(self._raw, self._ignored | {column.name for column in self._lists})
        for decoded in {item.decoder for column in self.columns for item in column.derived if item.width}:
            check_decoder(decoded, "codec")
        self._has_prelude = any(column.derived for column in self.columns)

    def most_rows(self, usual: int) -> int:
        """How many rows may be read at once: `usual`, fewer where pictures would take more than 256 MiB."""
        return max(1, min(usual, _PIXEL_BYTES // max(1, 9 * len(self.layout.pixel))))

    def table_of(self, value: Any, user: str) -> Any:
        """A table of any package (`headrace.dataset.tables.as_table`) as `from_batch` takes it; Arrow's own unchanged.

        pandas makes floats of integers that have nulls: floats in an integer column, all whole and below 2^53, are made
        integers again. `user` is who asks, for the message.
        """
        if isinstance(value, (pa.Table, pa.RecordBatch)):
            return value
        table = as_table(value, user)
        for column in self.columns:
            place = table.schema.get_field_index(column.name)
            if column.kind == "integer" and place >= 0 and pa.types.is_floating(table.schema.field(place).type):
                floats = table.column(place).cast(pa.float64())
                is_whole = pc.and_(pc.equal(floats, pc.floor(floats)), pc.less(pc.abs(floats), float(1 << 53)))
                if pc.all(is_whole, min_count=0).as_py():
                    table = table.set_column(place, column.name, floats.cast(pa.int64()))
        return table

    def from_batch(self, batch: Any) -> Lanes:
        """Lanes of an Arrow RecordBatch or Table, which may hold other columns too.

        Integers and decimals may fill a number column (rounded to the nearest float); dictionary text is decoded value
        by value; a column of type null is all null. Timestamps without a zone are UTC, finer than microseconds they are
        cut off towards the past.

        Raises UnknownName for a missing column, InvalidSchema for one of another kind, InvalidInput naming row and
        column for a null where none is allowed, a value out of range, invalid UTF-8 or a text beginning with U+0000.
        Cost: about 0.4 us a row for 13 columns, four of them text (benchmarks/row.py prints what one request costs).
        """
        lanes = read_batch(batch, self._raw, self._raw_layout)
        return self._derive(lanes, {column.name: _of_batch(batch, column) for column in self._lists})

    def from_json(self, body: bytes) -> Lanes:
        """Lanes of a request body `{"instances": [{"column": value, ...}, ...]}`.

        A missing key is null where null is allowed. Bare NaN, Infinity and -Infinity are floats. A whole number is
        fine for a number column; a float is fine for an integer column when it is whole and below 2^53. Booleans are
        true and false alone, timestamps RFC 3339 text alone, "5" is never a number.

        Raises InvalidRequest (HTTP 400) naming row and column; nothing is read in part.
        Cost: about 5 us for one row of 13 columns, 2.5 us for each further one.
        """
        document = parse_body(body)
        if type(document) is not dict or "instances" not in document:
            raise InvalidRequest(f"the body is {show(document)}", expected=_SHAPE)
        if len(document) > 1:
            for key, value in document.items():
                # TensorFlow Serving's clients send this one, nearly always.
                if key != "instances" and (key, value) != ("signature_name", "serving_default"):
                    raise InvalidRequest(f"unknown key {show(key)} in the body", expected=_SHAPE)
        rows = self.flat(document["instances"])
        lanes = self._rows.read(rows)
        return self._derive(lanes, {column.name: _of_rows(rows, column) for column in self._lists})

    def from_rows(self, rows: list[dict[str, Any]]) -> Lanes:
        """Lanes of Python rows; beside JSON's types, NumPy scalars, datetime and date (without a zone: UTC).

        Raises InvalidRequest as `from_json` does.
        Cost: as `from_json`, without the parsing.
        """
        rows = self.flat(rows)
        lanes = self._rows.read(rows)
        numbers = lanes.get("number")
        if numbers is not None:
            numbers[numbers != numbers] = math.nan  # Python can hold a NaN with its sign set, JSON cannot
        return self._derive(lanes, {column.name: _of_rows(rows, column) for column in self._lists})

    def from_tensors(self, tensors: Mapping[str, Any]) -> Lanes:
        """Lanes of one array a column, each [N] or [N, 1]; an absent nullable column is all null.

        Numbers take float and integer dtypes, integers integer dtypes, booleans bool, timestamps datetime64 or
        integers (microseconds UTC), texts dtype U. Arrays of dtype object, and lists, are read value by value as rows
        are, None being null. NaT is null. A list column is a list of lists, or an array [N, L].

        Raises InvalidRequest for another dtype or shape, differing lengths, unknown or missing columns, and as
        `from_json` does. Cost: vectorised but for texts, about 100 ns each.
        """
        wanted = {name: value for name, value in tensors.items() if name not in self._ignored}
        own = {column.name: wanted.pop(column.name) for column in self._lists if column.name in wanted}
        lanes: Lanes = {}
        num_rows = None
        if self._raw and (wanted or not own):
            lanes = read_tensors(wanted, self._raw, self._raw_layout)
            num_rows = len(next(iter(lanes.values())))
        lists: dict[str, Apart] = {}
        for column in sorted(self._lists, key=lambda column: column.name not in own):  # what is there says how many
            of_tensors = lists_of_tensors if column.is_list else blobs_of_tensors
            lists[column.name] = of_tensors(own, column, num_rows)
            num_rows = len(lists[column.name])
        if self._raw and not lanes:
            lanes = read_tensors({self._raw[0].name: [None] * (num_rows or 0)}, self._raw, self._raw_layout)
        return self._derive(lanes, lists)

    def _derive(self, lanes: Lanes, lists: Mapping[str, Apart]) -> Lanes:
        """The lanes with what the prelude makes of their texts, of lists and of binary."""
        if not self._has_prelude:
            return lanes
        more: dict[str, list[Any]] = {"number": [], "integer": [], "text": [], "present": [], "pixel": []}
        for column in self.columns:
            if column.derived:
                given: Any = lists.get(column.name)
                if given is None:
                    given = lanes["text"][:, self._raw_layout.text.index(column.name)].tolist()
                for derived, own in zip(column.derived, column.derived_columns, strict=True):
                    values, present = values_of(derived, given, NULL_TEXT)
                    more[own.lane].append(values)
                    if own.has_present_bit:
                        more["present"].append(present)
        for lane, arrays in more.items():
            if arrays:
                columns = np.concatenate(arrays, axis=1) if lane == "pixel" else np.stack(arrays, axis=1)
                lanes[lane] = np.concatenate([lanes[lane], columns], axis=1) if lane in lanes else columns
        return {lane: lanes[lane] for lane in self.layout.lanes}


def _of_batch(batch: Any, column: InputColumn) -> Apart:
    return lists_of_batch(batch, column) if column.is_list else blobs_of_batch(batch, column)


def _of_rows(rows: Any, column: InputColumn) -> Apart:
    return lists_of_rows(rows, column) if column.is_list else blobs_of_rows(rows, column)


def read_derived(batch: Any, column: InputColumn) -> list[tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]]:
    """What the prelude makes of a list or binary column of a batch: of each derived column values, and where present.

    Raises as `Codec.from_batch`.
    """
    lists = _of_batch(batch, column)
    return [values_of(derived, lists, NULL_TEXT) for derived in column.derived]

"""Rows of Python values into lanes, fast.

A row's values are fetched in one C call, and the types of the values, taken together, choose a plan that was made
when the same types came first: it knows without looking at a value which are null, which need parsing, and that no
type is wrong. What no plan covers goes to the slow reading, which either knows better or says what is wrong.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from headrace.errors import InvalidRequest
from headrace.model._values import parse_timestamp, reader_of, refuse, show
from headrace.model.columns import LANES, NULL_TEXT, InputColumn, layout_of

__all__ = ["Lanes", "RowReader"]

Lanes = dict[str, np.ndarray[Any, Any]]

_TYPES: dict[str, tuple[type, ...]] = {
    "number": (float, int),
    "integer": (int,),
    "boolean": (bool,),
    "text": (str,),
    "timestamp": (str,),
}
_NONE = type(None)
_FLOAT64, _INT64, _OBJECT, _BOOL = (np.dtype(name) for name in ("f8", "i8", "O", "?"))
_MAX_PLANS = 4096  # a client that sends every combination of types cannot fill the memory
_ABSENT = object()
# From so many rows on it is less work to go by the columns.
_MANY = 16


def _getter(indexes: Sequence[int]) -> Callable[[Any], tuple[Any, ...]]:
    """Like operator.itemgetter, but always a tuple."""
    if len(indexes) == 1:
        only = indexes[0]
        return lambda values: (values[only],)
    if not indexes:
        return lambda values: ()
    return operator.itemgetter(*indexes)


class _Plan:
    """What the types of one row's values say: how to fill its lanes."""

    __slots__ = ("integers", "present", "raw_texts", "texts")

    def __init__(self, columns: Sequence[InputColumn], types: tuple[type, ...]) -> None:
        members = list(enumerate(zip(columns, types, strict=True)))
        self.present = tuple(kind is not _NONE for _, (column, kind) in members if column.has_present_bit)
        texts = [(index, kind is _NONE) for index, (column, kind) in members if column.kind == "text"]
        self.raw_texts = _getter([index for index, is_null in texts if not is_null])
        self.texts: Callable[[Any], Sequence[str]] = self.raw_texts
        if any(is_null for _, is_null in texts):
            places = [None if is_null else index for index, is_null in texts]
            self.texts = lambda values: [NULL_TEXT if index is None else values[index] for index in places]
        integers = [
            (index, None if kind is _NONE else column.kind == "timestamp")
            for index, (column, kind) in members
            if column.lane == "integer"
        ]
        self.integers: Callable[[Any], Sequence[int]]
        if all(parse is False for _, parse in integers):
            self.integers = _getter([index for index, _ in integers])
        else:
            self.integers = lambda values: [
                0 if parse is None else parse_timestamp(values[index]) if parse else values[index]
                for index, parse in integers
            ]


def _column_of(column: InputColumn, values: tuple[Any, ...]) -> Sequence[Any] | None:
    """A column's values as its lane takes them; None where there is one that the slow reading should see."""
    kinds = set(map(type, values))
    has_null = _NONE in kinds
    kinds.discard(_NONE)
    if (has_null and not column.is_nullable) or not kinds.issubset(_TYPES[column.kind]):
        return None
    if column.kind == "number":
        return values  # None becomes NaN, by NumPy
    if column.kind == "text":
        joined = "".join(filter(None, values))
        if "\x00" in joined:
            return None
        if not joined.isascii():
            for text in filter(None, values):  # two texts, each with half a pair, are joined into none
                text.encode("utf-8")
        return [NULL_TEXT if value is None else value for value in values] if has_null else values
    if column.kind == "timestamp":
        return [0 if value is None else parse_timestamp(value) for value in values]
    return [0 if value is None else value for value in values] if has_null else values


class RowReader:
    """Read rows (dicts of JSON's types, or Python's) into lanes.

    Parameters
    ----------
    columns : sequence of InputColumn
        What a row may hold.
    ignored : collection of str
        What a row may hold beside that; it is not looked at.
    """

    def __init__(self, columns: Sequence[InputColumn], ignored: Collection[str] = ()) -> None:
        self._columns = tuple(columns)
        self._names = tuple(column.name for column in columns)
        self._known = frozenset(self._names) | frozenset(ignored)
        self._readers = tuple(reader_of(column) for column in columns)
        self._layout = layout_of(columns)
        self._widths: dict[str, int] = {lane: len(getattr(self._layout, lane)) for lane in LANES}
        self._fetch: Callable[[Any], tuple[Any, ...]] = _getter(self._names)  # type: ignore[arg-type]  # keys of dicts
        self._numbers = _getter([index for index, column in enumerate(columns) if column.lane == "number"])
        ranges = [
            (index, -np.inf if column.min is None else column.min, np.inf if column.max is None else column.max)
            for index, column in enumerate(columns)
            if column.min is not None or column.max is not None or column.refuses_nan
        ]
        self._ranges = [item for item in ranges if columns[item[0]].kind in ("number", "integer")]
        # A range over timestamps or booleans is judged on what was read, not on what was sent: the slow reading does.
        self._is_slow = len(self._ranges) < len(ranges)
        self._plans: dict[tuple[type, ...], _Plan | None] = {}

    def read(self, rows: Any) -> Lanes:
        """Lanes of a list of dicts. Raises InvalidRequest naming row and column; nothing is read in part."""
        if type(rows) is not list:
            raise InvalidRequest(f"the rows are {show(rows)}", expected="a list of objects, one a row")
        if not self._is_slow:
            lanes = self._read_many(rows) if len(rows) >= _MANY else None
            if lanes is None:
                lanes = self._read_fast(rows)
            if lanes is not None:
                return lanes
        return self.read_slow(rows)

    def _read_many(self, rows: list[Any]) -> Lanes | None:
        """Column by column: the types of a column's values are looked at together, and NumPy takes them at once."""
        if set(map(type, rows)) != {dict}:
            return None
        if set(map(len, rows)) != {len(self._names)} and not all(row.keys() <= self._known for row in rows):
            return None
        try:
            values = list(zip(*map(self._fetch, rows), strict=True))
            for index, low, high in self._ranges:
                if any(value is not None and not low <= value <= high for value in values[index]):
                    return None
            lanes: Lanes = {
                lane: np.empty((len(rows), self._widths[lane]), dtype)
                for lane, dtype in (("number", _FLOAT64), ("integer", _INT64), ("text", _OBJECT), ("present", _BOOL))
                if self._widths[lane]
            }
            places = dict.fromkeys(LANES, 0)
            for column, own in zip(self._columns, values, strict=True):
                place = places[column.lane]
                places[column.lane] += 1
                read = _column_of(column, own)
                if read is None:
                    return None
                lanes[column.lane][:, place] = read
                if column.has_present_bit:
                    there = [value is not None for value in own] if None in own else True
                    lanes["present"][:, places["present"]] = there
                    places["present"] += 1
        except (KeyError, ValueError, TypeError, OverflowError):  # as in `_read_fast`; a range beside a text
            return None
        return lanes

    def _plan(self, types: tuple[type, ...]) -> _Plan | None:
        fits = all(
            kind in _TYPES[column.kind] or (kind is _NONE and column.is_nullable)
            for column, kind in zip(self._columns, types, strict=True)
        )
        plan = _Plan(self._columns, types) if fits else None
        if len(self._plans) < _MAX_PLANS:
            self._plans[types] = plan
        return plan

    def _read_fast(self, rows: list[Any]) -> Lanes | None:
        fetch, plans, numbers_of, ranges = self._fetch, self._plans, self._numbers, self._ranges
        known, width = self._known, len(self._names)
        layout = self._layout
        has_texts, has_integers = bool(layout.text), bool(layout.integer)
        numbers: list[Any] = []
        integers: list[Any] = []
        texts: list[Any] = []
        present: list[Any] = []
        try:
            for row in rows:
                if type(row) is not dict or (len(row) != width and not row.keys() <= known):
                    return None
                values = fetch(row)
                types = tuple(map(type, values))
                plan = plans[types] if types in plans else self._plan(types)
                if plan is None:
                    return None
                for index, low, high in ranges:
                    value = values[index]
                    if value is not None and not low <= value <= high:  # NaN lies nowhere
                        return None
                numbers.append(numbers_of(values))
                if has_texts:
                    joined = "".join(plan.raw_texts(values))
                    if "\x00" in joined:
                        return None
                    if not joined.isascii():
                        # Two texts, each with half a pair, are each refused by the slow reading.
                        for text in plan.raw_texts(values):
                            text.encode("utf-8")
                    texts.append(plan.texts(values))
                if has_integers:
                    integers.append(plan.integers(values))
                    present.append(plan.present)
            return self._lanes(len(rows), numbers, integers, texts, present)
        except (KeyError, ValueError, OverflowError):  # a missing key, a bad timestamp or text, an integer too large
            return None

    def _lanes(self, num_rows: int, numbers: Any, integers: Any, texts: Any, present: Any) -> Lanes:
        lanes: Lanes = {}
        for lane, rows, dtype in (
            ("number", numbers, _FLOAT64),  # None becomes NaN here, by NumPy
            ("integer", integers, _INT64),
            ("text", texts, _OBJECT),
            ("present", present, _BOOL),
        ):
            width = self._widths[lane]
            if width:
                lanes[lane] = np.array(rows, dtype) if num_rows else np.empty((0, width), dtype)
        return lanes

    def read_slow(self, rows: list[Any]) -> Lanes:
        """As `read`, value by value."""
        columns = self._columns
        lanes: dict[str, list[list[Any]]] = {"number": [], "integer": [], "text": [], "present": []}
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                raise InvalidRequest(f"{show(row)} is not a row", where=f"row {index}", expected="an object")
            for key in row:
                if key not in self._known:
                    raise InvalidRequest(
                        f"unknown column {show(key)}", where=f"row {index}", expected=self._list_names()
                    )
            parts: dict[str, list[Any]] = {"number": [], "integer": [], "text": [], "present": []}
            for column, read in zip(columns, self._readers, strict=True):
                value = row.get(column.name, _ABSENT)
                if value is _ABSENT:
                    if not column.is_nullable:
                        raise refuse(column, index, "missing")
                    value = None
                found, is_present = read(value, index)
                parts[column.lane].append(found)
                if column.has_present_bit:
                    parts["present"].append(is_present)
            for lane, members in parts.items():
                lanes[lane].append(members)
        return self._lanes(len(rows), lanes["number"], lanes["integer"], lanes["text"], lanes["present"])

    def _list_names(self) -> str:
        text = ", ".join(self._names)
        return "the columns " + (text if len(text) <= 300 else text[:297] + "...")

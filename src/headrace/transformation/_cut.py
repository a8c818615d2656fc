"""The same graph, cut at its texts, for many rows at once: what texts alone decide is computed once a distinct text.

Serving runs one graph, lanes in and a matrix out. On many rows most of its time goes into texts, each of which becomes
a Python object and is looked up, row by row. So here the program is emitted in parts, by the same `emit`: for each text
column, and for each set of them that meet in a cross, a *head*, which is run on their distinct values; and a *tail* of
what else there is, which takes the heads' results by code and numbers column by column, without the lanes' copies.
The nodes are the same and none knows the rows around it, so the values are too, to the bit
(`make prove CASE=features`): NumPy gathers, ONNX Runtime computes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.model.codec import Codec, read_codes, read_derived, read_numbers
from headrace.model.columns import InputColumn
from headrace.model.graph import GraphBuilder, Value
from headrace.model.session import cuts_texts, open_session, run_bounded
from headrace.transformation._contract import PreludeOp
from headrace.transformation._program import Program
from headrace.transformation._values import values_as_arrow

__all__ = ["CutGraph", "TooWide"]

_BATCH_ROWS = 8192  # rows of which everything stays in the second-level cache
_DENSE_PAIRS = 1 << 21
_MOST_VALUES = 1 << 24  # of the distinct texts' vectors: 64 MiB

_DTYPE: dict[str, npt.DTypeLike] = {"number": np.float64, "boolean": np.bool_, "text": object}
_Array = npt.NDArray[Any]
_Codes = npt.NDArray[np.integer[Any]]
# Runs a function of 0, 1 ... n - 1, at the same time or one after the other.
Run = Callable[[Callable[[int], None], int], None]


class TooWide(Exception):
    """This graph, or these rows, are better run as they are: never shown to users."""


def _in_turn(function: Callable[[int], None], number: int) -> None:
    for index in range(number):
        function(index)


class _Outputs:
    """What a part gives: `feature <node>` as float32, or `value <node>` and `present <node>`."""

    def __init__(self, builder: GraphBuilder, emitted: Mapping[int, Value]) -> None:
        self._builder, self.emitted = builder, emitted
        self._found: dict[str, tuple[str, npt.DTypeLike, int | None]] = {}

    def feature(self, index: int) -> None:
        value = self.emitted[index]
        number = self._builder.cast(self._builder.as_number(value), np.float32)
        self._found[f"feature {index}"] = (number, np.float32, value.width)

    def value(self, index: int) -> None:
        value = self.emitted[index]
        self._found[f"value {index}"] = (value.name, _DTYPE.get(value.kind, np.int64), value.width)
        if value.present is not None:
            self._found[f"present {index}"] = (value.present, np.bool_, None)

    def open(self) -> tuple[list[str], Any, bool]:
        onnx = self._builder.finish(self._found)
        return list(self._found), open_session(onnx), cuts_texts(onnx)


class _TailBuilder(GraphBuilder):
    """A graph whose inputs are columns; an integer that is asked for as a number comes in as one, NaN where null."""

    def __init__(self) -> None:
        super().__init__([])
        self._numbers: dict[str, str] = {}

    def raw(self, index: int, column: InputColumn) -> Value:
        """A raw or derived column; no raw text."""
        if column.lane == "text":
            return Value(self.input(f"column {index}", object), column.kind)
        if column.lane == "number":
            return Value(self.input(f"number {index}", np.float64), column.kind)
        name = self.input(f"column {index}", np.int64)
        present = self.input(f"is there {index}", np.bool_) if column.has_present_bit else None
        tensor = self.cast(name, np.bool_) if column.kind == "boolean" else name
        self._numbers[tensor] = f"number {index}"
        return Value(tensor, column.kind, present)

    def as_number(self, value: Value) -> str:
        """As ever, but for a raw column, of which the conversion is left to whoever reads it."""
        if value.name in self._numbers:
            return self.input(self._numbers[value.name], np.float64)
        return super().as_number(value)


class _Head:
    """What the texts of some columns alone decide."""

    def __init__(self, program: Program, columns: Iterable[str], nodes: Iterable[int], wanted: frozenset[int]) -> None:
        nodes = sorted(nodes)
        needed = program.needed(nodes)
        derived = {program.derived_name(index) for index in needed if isinstance(program.ops[index], PreludeOp)}
        self.columns = tuple(
            dataclasses.replace(column, derived=tuple(item for item in column.derived if item.name in derived))
            for column in program.columns
            if column.name in columns
        )
        self.codec = Codec(self.columns)
        builder = GraphBuilder(self.columns)
        self.emitted = program.emit(builder, nodes)
        outputs = _Outputs(builder, self.emitted)
        for index in nodes:
            if index in wanted:
                outputs.feature(index)
            outputs.value(index)
        self.names, self.session, self.is_cutting = outputs.open()
        self.width = max(self.emitted[index].width for index in nodes) if wanted else 1

    def run(self, codes: Mapping[str, tuple[_Codes, pa.Array]]) -> tuple[_Codes, dict[str, _Array]]:
        """Each row's place among the distinct texts, or combinations of them, and the outputs for these."""
        where, texts = _combined([codes[column.name] for column in self.columns])
        if self.width > 1 and self.width * len(texts[0]) > _MOST_VALUES:
            raise TooWide
        batch = pa.RecordBatch.from_arrays(texts, names=[column.name for column in self.columns])
        lanes = self.codec.from_batch(batch)
        values = run_bounded(self.session, self.names, lanes, is_cutting=self.is_cutting)
        return where, {
            name: np.broadcast_to(value, (batch.num_rows, value.shape[1]))
            for name, value in zip(self.names, values, strict=True)
        }


def _combined(encoded: Sequence[tuple[_Codes, pa.Array]]) -> tuple[_Codes, list[pa.Array]]:
    """Codes of the combinations of codes that occur, and the texts of each, column by column; null where null."""
    codes: _Codes
    codes, first = encoded[0]
    places: list[_Codes] = [np.arange(len(first) + bool((codes == len(first)).any()))]
    for more, distinct in encoded[1:]:
        size = len(distinct) + 1
        number = len(places[0]) * size
        keys = codes.astype(np.int64) * size + more
        if number <= max(_DENSE_PAIRS, 4 * len(keys)):
            is_seen = np.zeros(number, np.bool_)
            is_seen[keys] = True
            seen = np.flatnonzero(is_seen)
            at = np.zeros(number, np.int32)
            at[seen] = np.arange(len(seen), dtype=np.int32)
            codes = at[keys]
        else:
            seen, codes = np.unique(keys, return_inverse=True)
        places = [*(item[seen // size] for item in places), seen % size]
    texts = []
    for place, (_, distinct) in zip(places, encoded, strict=True):
        is_null = place == len(distinct)
        texts.append(distinct.take(pa.array(place, mask=is_null if is_null.any() else None)))
    return codes, texts


class CutGraph:
    """Run part of a program on many rows.

    Parameters
    ----------
    program : Program
        Fitted as far as the wanted nodes need.
    wanted : sequence of int
        Node indices, no literals, nothing that only the prelude knows.
    is_matrix : bool
        Whether each wanted node is a feature, or a value for a fold.

    Raises TooWide where the tail would cut texts into pieces, which nothing here bounds, or read pictures.
    """

    def __init__(self, program: Program, wanted: Sequence[int], *, is_matrix: bool) -> None:
        nodes = program.expressions.nodes
        texts = _texts_of(program)
        is_text = {index for index, names in enumerate(texts) if names}
        needed = program.needed(wanted, is_text)
        fed = {item for index in needed if index not in is_text for item in nodes[index].inputs if item in is_text}
        self._wanted = tuple(wanted)
        self._is_feature = frozenset(wanted) if is_matrix else frozenset()
        by_columns: dict[frozenset[str], set[int]] = {}
        for index in sorted(fed | (is_text & set(wanted))):
            by_columns.setdefault(texts[index] or frozenset(), set()).add(index)
        self._heads = [_Head(program, names, found, self._is_feature) for names, found in by_columns.items()]
        self._head_of = {index: place for place, found in enumerate(by_columns.values()) for index in found}
        builder = _TailBuilder()
        known: dict[int, Value] = {}
        self._columns: list[tuple[int, InputColumn]] = []
        self._derived: list[tuple[int, InputColumn, int]] = []  # of lists
        by_name = {column.name: column for column in program.columns}
        for index in needed:
            if index in is_text:
                continue
            if nodes[index].op == "column":
                column = by_name[nodes[index].parameters["name"]]
                self._columns.append((index, column))
                known[index] = builder.raw(index, column)
            elif isinstance(program.ops[index], PreludeOp):
                name, _ = program.steps_of(index)
                derived = [item.name for item in by_name[name].derived].index(program.derived_name(index))
                if by_name[name].derived[derived].width:
                    raise TooWide  # of pictures nothing is the same twice
                self._derived.append((index, by_name[name], derived))
                known[index] = builder.raw(index, by_name[name].derived_columns[derived])
        self._fed = sorted(fed)
        for index in self._fed:
            value = self._heads[self._head_of[index]].emitted[index]
            name = builder.input(f"fed {index}", _DTYPE.get(value.kind, np.int64), value.width)
            present = None if value.present is None else builder.input(f"is there {index}", np.bool_)
            known[index] = Value(name, value.kind, present, value.width)
        self._in_tail = sorted(set(self._wanted) - set(self._head_of))
        self._emitted = program.emit(builder, self._in_tail, known)
        if self._in_tail:
            outputs = _Outputs(builder, self._emitted)
            for index in self._in_tail:
                (outputs.feature if is_matrix else outputs.value)(index)
            self._names, self._session, is_cutting = outputs.open()
            self._inputs = frozenset(item.name for item in self._session.get_inputs())
            if is_cutting and is_matrix:
                raise TooWide

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns read."""
        heads = [column.name for head in self._heads for column in head.columns]
        lists = [column.name for _, column, _ in self._derived]
        return tuple(dict.fromkeys([*heads, *(column.name for _, column in self._columns), *lists]))

    def _run_heads(self, table: Any, run: Run) -> list[tuple[_Codes, dict[str, _Array]]]:
        columns = list({column.name: column for head in self._heads for column in head.columns}.values())
        encoded: dict[str, tuple[_Codes, pa.Array]] = {}
        found: dict[int, tuple[_Codes, dict[str, _Array]]] = {}

        def encode(index: int) -> None:
            encoded[columns[index].name] = read_codes(table, columns[index])

        def look(index: int) -> None:
            found[index] = self._heads[index].run(encoded)

        run(encode, len(columns))
        run(look, len(self._heads))
        return [found[index] for index in range(len(self._heads))]

    def _feeds(
        self, batch: pa.RecordBatch, first: int, heads: Sequence[tuple[_Codes, dict[str, _Array]]]
    ) -> dict[str, _Array]:
        """The tail's inputs for a batch whose first row is the table's row `first`."""
        feeds: dict[str, _Array] = {}
        for index, column in self._columns:
            feeds |= self._column_feeds(index, column, *read_numbers(batch, column))
        lists = {column.name: column for _, column, _ in self._derived}
        made = {name: read_derived(batch, column) for name, column in lists.items()}
        for index, column, place in self._derived:
            feeds |= self._column_feeds(index, column.derived_columns[place], *made[column.name][place])
        for index in self._fed:
            codes, values_of = heads[self._head_of[index]]
            rows = codes[first : first + batch.num_rows]
            if f"fed {index}" in self._inputs:
                feeds[f"fed {index}"] = values_of[f"value {index}"].take(rows, axis=0)
            if f"is there {index}" in self._inputs:
                feeds[f"is there {index}"] = values_of[f"present {index}"].take(rows, axis=0)
        return feeds

    def _column_feeds(
        self, index: int, column: InputColumn, values: _Array, valid: npt.NDArray[np.bool_]
    ) -> dict[str, _Array]:
        feeds: dict[str, _Array] = {}
        if f"number {index}" in self._inputs:
            number = values
            if column.lane != "number":
                number = values.astype(np.float64)
                if column.has_present_bit:
                    number[~valid] = np.nan
            feeds[f"number {index}"] = number.reshape(-1, 1)
        if f"column {index}" in self._inputs:
            feeds[f"column {index}"] = values.reshape(-1, 1)
        if f"is there {index}" in self._inputs:
            feeds[f"is there {index}"] = valid.reshape(-1, 1)
        return feeds

    def fill(self, table: pa.Table, out: npt.NDArray[np.float32], places: Sequence[int], run: Run = _in_turn) -> None:
        """Write the wanted features of a table's rows into columns of `out`, of which `places` are the first.

        Raises TooWide, and what `Codec.from_batch` raises, though of distinct texts for rows.
        """
        heads = self._run_heads(table, run)
        step = 4 * _BATCH_ROWS

        def work(at: int) -> None:
            start = at * step
            batch = table.slice(start, step)
            stop = start + batch.num_rows
            for index, place in zip(self._wanted, places, strict=True):
                if index in self._head_of:
                    codes, values_of = heads[self._head_of[index]]
                    values = values_of[f"feature {index}"]
                    for column in range(values.shape[1]):
                        out[start:stop, place + column] = values[:, column].take(codes[start:stop])
            if not self._in_tail:
                return
            feeds = self._feeds(batch, start, heads)
            for first in range(0, batch.num_rows, _BATCH_ROWS):
                piece = {name: value[first : first + _BATCH_ROWS] for name, value in feeds.items()}
                found = dict(zip(self._in_tail, self._session.run(self._names, piece), strict=True))
                for index, place in zip(self._wanted, places, strict=True):
                    if index in found:
                        rows = slice(start + first, start + first + len(found[index]))
                        out[rows, place : place + found[index].shape[1]] = found[index]

        run(work, -(-table.num_rows // step))

    def values(self, batch: pa.RecordBatch) -> dict[int, pa.Array]:
        """The wanted nodes' values, null where null; texts that texts alone decide by a dictionary."""
        heads = self._run_heads(batch, _in_turn)
        found: dict[int, pa.Array] = {}
        if self._in_tail:
            feeds = self._feeds(batch, 0, heads)
            outputs = dict(zip(self._names, self._session.run(self._names, feeds), strict=True))
            for index in self._in_tail:
                kind, present = self._emitted[index].kind, outputs.get(f"present {index}")
                found[index] = values_as_arrow(kind, outputs[f"value {index}"], present, batch.num_rows)
        for index in self._wanted:
            if index in self._head_of:
                place = self._head_of[index]
                kind, (codes, values_of) = self._heads[place].emitted[index].kind, heads[place]
                values, present = values_of[f"value {index}"], values_of.get(f"present {index}")
                distinct = values_as_arrow(kind, values, present, len(values))
                indices = pa.array(codes)
                is_text = kind == "text"
                found[index] = pa.DictionaryArray.from_arrays(indices, distinct) if is_text else distinct.take(indices)
        return found


def _texts_of(program: Program) -> list[frozenset[str] | None]:
    """Of each node the text columns it is computed from; None where it reads another column too."""
    found: list[frozenset[str] | None] = []
    kinds = {column.name: column.kind for column in program.columns}
    for node in program.expressions.nodes:
        if node.op == "column":
            name = node.parameters["name"]
            found.append(frozenset([name]) if kinds[name] == "text" else None)
            continue
        below = [found[item] for item in node.inputs]
        found.append(None if None in below else frozenset().union(*(names or () for names in below)))
    return found

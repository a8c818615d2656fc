"""From key columns to group numbers: one table a pass, shared by all threads of an engine.

Each batch is reduced to its distinct combinations in Arrow and NumPy; only those few are looked up in Python, under a
lock. Groups are numbered as they are met and put into canonical order at the end, so that the answer does not depend
on who met what first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset.rows import to_bools
from headrace.errors import InvalidInput
from headrace.fold import Groups
from headrace.kinds import PLAIN_KINDS, Kind, canonical_array, kind_of

__all__ = ["GroupTable"]

_DENSE = 1 << 20  # up to so many combinations are counted in a table instead of sorted
_FEW = 1 << 12  # up to so many values of a column are all given a code, whether a batch has them or not
_NAN = "nan"  # NaN is no key of a dict, not being equal to itself


_Part = tuple[npt.NDArray[np.int64], list[Any]]


class GroupTable:
    """The groups of one Keys in one pass.

    Parameters
    ----------
    columns : tuple of str
        The key columns; none = one group, number 0, which exists even without rows.
    """

    def __init__(self, columns: tuple[str, ...]) -> None:
        self.columns = columns
        self._lock = threading.Lock()
        self._codes: list[dict[Any, int]] = [{} for _ in columns]
        self._kinds: list[Kind] = ["null" for _ in columns]
        self._groups: dict[bytes, int] = {} if columns else {b"": 0}
        self._rows = np.zeros(1024, dtype=np.int64)
        # The group of each combination of codes, whose bits lie side by side; -1 where it is not known yet.
        self._bits: tuple[int, ...] = ()
        self._known: npt.NDArray[np.int32] = np.zeros(0, dtype=np.int32)

    @property
    def num_groups(self) -> int:
        """Groups met until now."""
        return len(self._groups)

    def number(self, batch: pa.RecordBatch) -> Groups | None:
        """The group of each row, int32[num_rows]; None when there are no key columns. Adds new groups, counts rows."""
        if not self.columns:
            with self._lock:
                self._rows[0] += batch.num_rows
            return None
        if batch.num_rows == 0:
            return np.zeros(0, dtype=np.int32)
        parts = [self._column(index, batch.column(name), name) for index, name in enumerate(self.columns)]
        with self._lock:
            codes = [self._code(index, values) for index, (_, values) in enumerate(parts)]
            known = self._table()
            bits = self._bits
        if known is None:
            return self._number_many(parts, codes)
        shifts = np.cumsum([0, *bits[:-1]])
        mixed = (codes[0] << shifts[0])[parts[0][0]]
        for (raw, _), code, shift in zip(parts[1:], codes[1:], shifts[1:], strict=True):
            mixed |= (code << shift)[raw]
        found: Groups = known[mixed]
        if int(found.min()) < 0:
            _, anew = _compact(mixed[found < 0], len(known))
            coded = np.column_stack(
                [anew >> shift & (1 << width) - 1 for shift, width in zip(shifts, bits, strict=True)]
            )
            with self._lock:
                known[anew] = self._groups_of(coded.astype(np.int32))
            found = known[mixed]
        counts = np.bincount(found)
        with self._lock:
            self._rows[: len(counts)] += counts
        return found

    def _number_many(self, parts: list[_Part], codes: list[npt.NDArray[np.int32]]) -> Groups:
        """The same where the combinations that could be are too many for a table."""
        mixed, combinations = parts[0][0], np.arange(len(parts[0][1])).reshape(-1, 1)
        for local, values in parts[1:]:
            # Numbered anew after each column, so that the numbers stay below rows x values and never overflow.
            mixed, kept = _compact(mixed * len(values) + local, len(combinations) * len(values))
            combinations = np.column_stack([combinations[kept // len(values)], kept % len(values)])
        mixed, kept = _compact(mixed, len(combinations))  # values that no row has make no group
        combinations = combinations[kept]
        counts = np.bincount(mixed, minlength=len(combinations))
        coded = np.column_stack([code[combinations[:, index]] for index, code in enumerate(codes)])
        with self._lock:
            found = self._groups_of(coded)
            np.add.at(self._rows, found, counts)
        return found[mixed]

    def _code(self, index: int, values: list[Any]) -> npt.NDArray[np.int32]:
        table = self._codes[index]
        return np.array([table.setdefault(value, len(table)) for value in values], dtype=np.int32)

    def _table(self) -> npt.NDArray[np.int32] | None:
        """The group of each combination of codes, made anew when a column has more of them; None where too many."""
        bits = tuple(max(1, (len(table) - 1).bit_length()) for table in self._codes)
        if bits != self._bits:
            self._bits = bits
            self._known = np.zeros(0, dtype=np.int32)
            if 1 << sum(bits) <= _DENSE:
                self._known = np.full(1 << sum(bits), -1, dtype=np.int32)
                if self._groups:
                    coded = np.frombuffer(b"".join(self._groups), dtype=np.int32).reshape(-1, len(bits))
                    shifts = np.cumsum([0, *bits[:-1]])
                    self._known[(coded << shifts).sum(axis=1)] = np.arange(len(coded), dtype=np.int32)
        return self._known if len(self._known) else None

    def _groups_of(self, coded: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """The number of each combination of codes, one a row; new ones are given the next numbers."""
        groups, data, width = self._groups, np.ascontiguousarray(coded).tobytes(), coded.shape[1] * 4
        found = np.array(
            [groups.setdefault(data[at : at + width], len(groups)) for at in range(0, len(data), width)],
            dtype=np.int32,
        )
        if len(groups) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(len(groups), dtype=np.int64)])
        return found

    def _column(self, index: int, column: pa.Array, name: str) -> _Part:
        """A number for each row, below len(values), and the value each number stands for."""
        kind = kind_of(column.type)
        if kind not in PLAIN_KINDS:
            raise InvalidInput(f"rows cannot be grouped by {name!r} of type {column.type}", expected="text or numbers")
        if kind != "null":
            self._kinds[index] = kind
        if not (pa.types.is_dictionary(column.type) and kind == "text"):
            column = canonical_array(column, name=name)
            if kind == "number":
                column = pc.add(column, 0.0)  # -0.0 is 0.0
            elif kind == "timestamp":
                column = column.cast(pa.int64())
            elif kind == "integer" and (narrow := _narrow(column)) is not None:
                return narrow
            column = column.dictionary_encode()
        entries = column.dictionary
        if kind == "text":
            entries = entries.cast(pa.large_binary())
        indices = column.indices.cast(pa.int64())
        raw = np.frombuffer(indices.buffers()[1], dtype=np.int64, count=indices.offset + len(indices))[indices.offset :]
        if indices.null_count:
            raw = np.where(to_bools(pc.is_null(indices)), len(entries), raw)
        if len(entries) < _FEW:
            values = [_NAN if value != value else value for value in entries.to_pylist()]
            return raw, [*values, None] if indices.null_count else values
        raw, kept = _compact(raw, len(entries) + 1)
        has_null = kept[-1] == len(entries)
        used = kept[:-1] if has_null else kept
        if len(used) < len(entries):
            entries = entries.take(pa.Array.from_buffers(pa.int64(), len(used), [None, pa.py_buffer(used)]))
        values = [_NAN if value != value else value for value in entries.to_pylist()]
        return raw, [*values, None] if has_null else values

    def finish(self, min_rows: int = 0) -> tuple[pa.Table, npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """The canonical order: (keys of kept groups, new number of each old group or -1, rows of kept groups)."""
        total = self.num_groups
        rows = self._rows[:total]
        if not self.columns:
            return pa.table({}), np.zeros(1, dtype=np.int32), rows.copy()
        coded = np.frombuffer(b"".join(self._groups), dtype=np.int32).reshape(total, len(self.columns))
        values = [_sorted_values(table) for table in self._codes]
        ranks = [rank[coded[:, index]] for index, (rank, _) in enumerate(values)]
        order = np.lexsort(ranks[::-1])
        order = order[rows[order] >= min_rows]
        place = np.full(total, -1, dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        arrays = [
            _keys(self._kinds[index], [values[index][1][rank] for rank in ranks[index][order]])
            for index in range(len(self.columns))
        ]
        return pa.table(arrays, names=list(self.columns)), place, rows[order]


def _narrow(column: pa.Array) -> _Part | None:
    """The parts of an int64 column whose values lie close together, which needs no hashing; None for another."""
    if column.null_count == len(column):
        return None
    bounds = pc.min_max(column).as_py()
    low, width = bounds["min"], bounds["max"] - bounds["min"] + 1
    if width > _FEW:
        return None
    values = np.frombuffer(column.buffers()[1], np.int64, len(column), 8 * column.offset)
    raw = values - low
    if column.null_count:
        raw[to_bools(pc.is_null(column))] = width
        return raw, [*range(low, low + width), None]
    return raw, list(range(low, low + width))


def _compact(mixed: npt.NDArray[np.int64], size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Numbers below `size` renumbered without gaps, and the old number behind each new one, ascending."""
    if size <= max(_DENSE, 4 * len(mixed)):
        kept = np.flatnonzero(np.bincount(mixed, minlength=size))
        renumber = np.zeros(size, dtype=np.int64)
        renumber[kept] = np.arange(len(kept))
        return renumber[mixed], kept
    kept, inverse = np.unique(mixed, return_inverse=True)
    return inverse.reshape(-1), kept


def _sorted_values(table: dict[Any, int]) -> tuple[npt.NDArray[np.int64], list[Any]]:
    """The rank of each code, and the values by rank: ascending, NaN after numbers, None last."""
    values = sorted(table, key=lambda value: (value is None, value == _NAN, 0 if value in (None, _NAN) else value))
    rank = np.empty(len(values), dtype=np.int64)
    for place, value in enumerate(values):
        rank[table[value]] = place
    return rank, values


def _keys(kind: Kind, values: Sequence[Any]) -> pa.Array:
    if kind == "text":
        # Not through pa.string(): bytes that are no UTF-8 are a finding for validation, not a crash here.
        found = pa.array(values, pa.large_binary())
        return pa.Array.from_buffers(pa.large_string(), len(found), found.buffers())
    if kind == "number":
        return pa.array([float("nan") if value == _NAN else value for value in values], pa.float64())
    if kind == "timestamp":
        return pa.array(values, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return pa.array(values, {"integer": pa.int64(), "boolean": pa.bool_(), "null": pa.null()}[kind])

"""ByKey: any fold, once for each value of a key column that nobody knows before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold._column import read_column
from headrace.fold._contract import ROW_ID, Fold, Groups, Rows, State, decode, encode, grow
from headrace.fold.kernels.hashing import combine, hash_text, mix
from headrace.fold.lifting import SimpleFold
from headrace.kinds import Kind

__all__ = ["ByKey", "ByKeyResult", "ByKeyState", "part_of"]

_MOST_KEYS = 1_000_000
_NULL = None  # the key of rows whose key is null


def part_of(row_id: npt.NDArray[np.uint64], num_parts: int) -> npt.NDArray[np.int64]:
    """int64[num_rows] in 0 .. num_parts - 1: the part of each row, by a hash of its id; equal ids share it.

    >>> part_of(np.array([1, 1, 2], np.uint64), 1).tolist()
    [0, 0, 0]
    """
    draw = mix(combine(np.repeat(hash_text("part"), len(row_id)), row_id))
    found: npt.NDArray[np.int64] = (((draw >> np.uint64(32)) * np.uint64(num_parts)) >> np.uint64(32)).astype(np.int64)
    return found


@dataclass
class ByKeyState(State):
    """The keys, and the inner fold's state.

    Parameters
    ----------
    keys : pyarrow large_binary[n] or int64[n] as an Arrow array
        Ascending, distinct, a null last where there were rows with a null key.
    inner : pyarrow large_binary[1]
        The encoded state, whose group `key * num_parts + part` is that of a key and part.

    Both are open (not fields, not encoded) while rows are added.
    """

    keys: pa.Array
    inner: pa.Array

    def __post_init__(self) -> None:
        self._fold: Fold[Any, Any] | None = None
        self._numbers: dict[Any, int] = {}
        self._state: State | None = None
        self._num_parts = 1

    def opened(self, fold: Fold[Any, Any], num_parts: int) -> tuple[dict[Any, int], State]:
        """Key -> number, and the inner state, both to be changed."""
        if self._state is None:
            self._fold, self._num_parts = fold, num_parts
            self._numbers = {key: number for number, key in enumerate(self.keys.to_pylist())}
            self._state = decode(fold, self.inner[0].as_py())
        return self._numbers, self._state

    def put(self, state: State) -> None:
        """Keep an inner state that was changed."""
        self._state = state

    def canonical(self) -> Self:
        """Nothing open, keys in order."""
        if self._state is None or self._fold is None:
            return self
        keys = sorted(key for key in self._numbers if key is not _NULL)
        keys += [_NULL] if _NULL in self._numbers else []
        place = np.empty(len(keys), np.int64)
        place[[self._numbers[key] for key in keys]] = np.arange(len(keys))
        groups = (place[:, None] * self._num_parts + np.arange(self._num_parts)).reshape(-1).astype(np.int32)
        ordered = self._fold.merge(self._fold.create(len(groups)), self._state, groups)
        self.keys = pa.array(keys, self.keys.type)
        self.inner = pa.array([encode(self._fold, ordered)], pa.large_binary())
        self._state = None
        return self


@dataclass(frozen=True)
class ByKeyResult:
    """What the inner fold knows of each key.

    Parameters
    ----------
    keys : tuple of str or int
        Ascending (texts by their UTF-8 bytes); booleans are 0 and 1. Rows with a null key have none.
    by_key : result of the inner fold
        Group `key_index * num_parts + part`; groups beyond those of the keys are of rows with a null key.
    whole : result of the inner fold
        Group `part`: all rows, those with a null key too.
    num_parts : int
        Parts a key.
    """

    keys: tuple[Any, ...]
    by_key: Any
    whole: Any
    num_parts: int


@dataclass(frozen=True)
class ByKey(SimpleFold[ByKeyState, ByKeyResult]):
    """Run a fold for every value of a key column, and optionally for parts of the rows. `lift` makes it a Fold.

    Parameters
    ----------
    inner : Fold
        What is asked of each key.
    key : str
        The key column.
    kind : Kind
        Of the key: text, integer or boolean.
    num_parts : int
        Above 1, the rows of each key are kept in so many parts, by a hash of the row's id: what out-of-fold encodings
        need.

    Rows with a null key count for the whole, and for no key.
    Raises InvalidInput beyond 1,000,000 keys. Cost: the inner fold's, 10 ns a row, and 1 us a key of each batch.
    State: the keys, and the inner fold's for each key and part.

    >>> from headrace.fold import Rows, Totals
    >>> fold = ByKey(Totals("late"), "carrier", "text")
    >>> rows = Rows(pa.record_batch({"carrier": ["AA", "UA", "AA", None], "late": [1.0, 0.0, 0.0, 1.0]}))
    >>> result = fold.extract(fold.add(fold.create(), rows))
    >>> result.keys, result.by_key.total[:2].tolist(), result.whole.total.tolist()
    (('AA', 'UA'), [1.0, 0.0], [2.0])
    """

    inner: Fold[Any, Any]
    key: str
    kind: Kind
    num_parts: int = 1

    def __post_init__(self) -> None:
        if self.kind not in ("text", "integer", "boolean"):
            raise InvalidInput(f"{self.kind} is no kind of key", expected="text, integer or boolean")

    @property
    def columns(self) -> tuple[str, ...]:
        """The key, what the inner fold reads, and row ids where there are parts."""
        return tuple(dict.fromkeys([self.key, *self.inner.columns, *((ROW_ID,) if self.num_parts > 1 else ())]))

    def create(self) -> ByKeyState:
        """A state of no rows."""
        empty = encode(self.inner, self.inner.create(0))
        kind = pa.large_binary() if self.kind == "text" else pa.int64()
        return ByKeyState(pa.array([], kind), pa.array([empty], pa.large_binary()))

    def add(self, state: ByKeyState, rows: Rows) -> ByKeyState:
        """Add rows; changes `state`."""
        numbers, inner = state.opened(self.inner, self.num_parts)
        groups = self._groups(numbers, rows)
        inner = grow(self.inner, inner, len(numbers) * self.num_parts)
        state.put(self.inner.add(inner, rows, groups))
        return state

    def _groups(self, numbers: dict[Any, int], rows: Rows) -> Groups:
        column = read_column(rows, self.key, self.kind, None)
        mapped = np.empty(rows.num_rows, np.int64)
        is_null = np.zeros(rows.num_rows, np.bool_) if column.valid is None else ~column.valid
        if column.values is None:
            is_null[:] = True
        else:
            found, inverse = np.unique(column.values[~is_null], return_inverse=True)
            keys = found.tolist()
            if column.dictionary is not None:
                texts = column.dictionary.cast(pa.large_binary())
                keys = [texts[code].as_py() for code in keys]
            known = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
            mapped[~is_null] = known[inverse] if len(known) else 0
        if is_null.any():
            mapped[is_null] = numbers.setdefault(_NULL, len(numbers))
        if len(numbers) > _MOST_KEYS:
            raise InvalidInput(
                f"column {self.key!r} has more than {_MOST_KEYS:,} values",
                expected="a key with fewer",
                fix="cross or hash it into fewer first: ops.hash_bucket",
            )
        if self.num_parts > 1:
            assert rows.row_id is not None, "the engine makes row ids for folds that name ROW_ID"
            mapped = mapped * self.num_parts + part_of(rows.row_id, self.num_parts)
        return mapped.astype(np.int32)

    def merge(self, left: ByKeyState, right: ByKeyState) -> ByKeyState:
        """Join two states; changes `left`."""
        numbers, inner = left.opened(self.inner, self.num_parts)
        right.canonical()
        keys = right.keys.to_pylist()
        if keys:
            known = np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
            groups = (known[:, None] * self.num_parts + np.arange(self.num_parts)).reshape(-1).astype(np.int32)
            inner = grow(self.inner, inner, len(numbers) * self.num_parts)
            left.put(self.inner.merge(inner, decode(self.inner, right.inner[0].as_py()), groups))
        return left

    def extract(self, state: ByKeyState) -> ByKeyResult:
        """The answer."""
        state.canonical()
        keys = [key for key in state.keys.to_pylist() if key is not _NULL]
        if self.kind == "text":
            keys = [key.decode("utf-8", "replace") for key in keys]
        inner = decode(self.inner, state.inner[0].as_py())
        parts = np.tile(np.arange(self.num_parts, dtype=np.int32), len(state.keys))
        whole = self.inner.merge(self.inner.create(self.num_parts), inner, parts)
        again = decode(self.inner, state.inner[0].as_py())  # the whole may have taken what is inner's
        return ByKeyResult(tuple(keys), self.inner.extract(again), self.inner.extract(whole), self.num_parts)

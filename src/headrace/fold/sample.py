"""Sample: some rows, chosen by a hash of their row id, the same ones whatever the order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.errors import InvalidInput, UnknownName
from headrace.fold._contract import ROW_ID, Fold, Groups, Rows, State
from headrace.fold.kernels.entries import arrow_of
from headrace.fold.kernels.hashing import combine, hash_text
from headrace.kinds import PLAIN_KINDS, Kind, arrow_type, canonical_array

__all__ = ["Sample", "SampleResult", "SampleState"]

_HASH = "@hash"
_GROUP = "@group"


@dataclass
class SampleState(State):
    """The rows kept: ragged over groups.

    Parameters
    ----------
    offsets : int64[num_groups + 1]
        Group g owns rows offsets[g] to offsets[g + 1].
    hashes : uint64[n]
        The keyed hash of each row's id: ascending within a group, and no row left out has a smaller one.
    rows : pyarrow.StructArray[n]
        The columns in canonical types; text as large_binary.
    """

    offsets: npt.NDArray[np.int64]
    hashes: npt.NDArray[np.uint64]
    rows: pa.Array

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.offsets) - 1

    def canonical(self) -> Self:
        """The one form of equal contents: what lies under nulls, and how buffers are cut, is rebuilt."""
        fields = [_plain(self.rows.field(index)) for index in range(self.rows.type.num_fields)]
        self.rows = _struct(fields, self.rows.type)
        return self


@dataclass(frozen=True)
class SampleResult:
    """The sampled rows.

    Parameters
    ----------
    offsets : int64[num_groups + 1]
        Group g owns rows offsets[g] to offsets[g + 1].
    rows : pyarrow.Table[n]
        The columns asked for, in canonical types, in no order that means anything.
    """

    offsets: npt.NDArray[np.int64]
    rows: pa.Table

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, group: int) -> pa.Table:
        if not 0 <= group < len(self):
            raise IndexError(f"group {group} of {len(self)}")
        return self.rows.slice(int(self.offsets[group]), int(self.offsets[group + 1] - self.offsets[group]))


@dataclass(frozen=True)
class Sample(Fold[SampleState, SampleResult]):
    """At most `size` rows a group, each row as likely as any other: those with the smallest keyed hash of the row id.

    For looking at rows, and for whatever has no exact fold. A larger sample contains a smaller one; another salt
    draws another.

    Parameters
    ----------
    names : tuple of str
        The columns kept.
    kinds : tuple of Kind
        Their kinds, each with a canonical Arrow type.
    size : int
        Rows a group.
    salt : str
        What the draw depends on beside the row id.

    Rows of equal row id (equal keys) are drawn together; where the limit cuts through them, the smaller values stay
    (nulls last). -0.0 becomes 0.0, every NaN the same NaN.
    Raises InvalidInput for another kind, UnknownName when a batch lacks a column.
    Cost: 4 ns a row, once enough rows are held that few are smaller. State: `size` rows a group.

    >>> fold = Sample(("x",), ("integer",), size=2)
    >>> batch = pa.record_batch({"x": [1, 2, 3, 4]})
    >>> rows = Rows(batch, np.array([11, 12, 13, 14], np.uint64))
    >>> fold.extract(fold.add(fold.create(1), rows, None))[0].num_rows
    2

    Source: bottom-k sketches, Cohen and Kaplan 2007, "Summarizing data using bottom-k sketches".
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]
    size: int = 16_384
    salt: str = "sample"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "kinds", tuple(self.kinds))
        if not self.names or len(self.names) != len(self.kinds) or len(set(self.names)) != len(self.names):
            raise InvalidInput(
                f"{len(self.names)} columns and {len(self.kinds)} kinds", expected="one kind a column, each column once"
            )
        for name, kind in zip(self.names, self.kinds, strict=True):
            if kind not in PLAIN_KINDS:
                raise InvalidInput(f"column {name!r} is of no kind that can be sampled: {kind}")
        if self.size < 1:
            raise InvalidInput(f"size = {self.size}", expected="1 or more")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns kept, and row ids."""
        return (*self.names, ROW_ID)

    @property
    def _type(self) -> pa.DataType:
        return pa.struct([pa.field(name, _state_type(kind)) for name, kind in zip(self.names, self.kinds, strict=True)])

    def create(self, num_groups: int) -> SampleState:
        """A state of no rows."""
        return SampleState(np.zeros(num_groups + 1, np.int64), np.zeros(0, np.uint64), pa.array([], self._type))

    def add(self, state: SampleState, rows: Rows, groups: Groups | None) -> SampleState:
        """Add rows; changes `state`."""
        if rows.num_rows == 0 or state.num_groups == 0:
            return state
        assert rows.row_id is not None, "the engine makes row ids for folds that name ROW_ID"
        hashes = combine(np.full(1, hash_text(self.salt)), rows.row_id)
        if groups is None:
            groups = np.zeros(rows.num_rows, np.int32)
        limit = np.full(state.num_groups, np.iinfo(np.uint64).max, np.uint64)
        full = np.diff(state.offsets) >= self.size
        limit[full] = state.hashes[state.offsets[1:][full] - 1]
        near = np.flatnonzero((groups >= 0) & (hashes <= limit[groups]))
        if not len(near):
            return state
        index = arrow_of(near)
        fields = []
        for name, kind in zip(self.names, self.kinds, strict=True):
            place = rows.batch.schema.get_field_index(name)
            if place < 0:
                raise UnknownName("column", name, rows.batch.schema.names)
            fields.append(_canonical(rows.batch.column(place).take(index), kind, name))
        fresh = _struct(fields, self._type)
        return self._keep(state, groups[near], hashes[near], fresh)

    def _keep(
        self, state: SampleState, groups: npt.NDArray[np.int32], hashes: npt.NDArray[np.uint64], rows: pa.Array
    ) -> SampleState:
        """The state with these rows among its own, cut to size."""
        owners = np.repeat(np.arange(state.num_groups, dtype=np.int32), np.diff(state.offsets))
        groups, hashes = np.concatenate([owners, groups]), np.concatenate([state.hashes, hashes])
        rows = pa.concat_arrays([state.rows, rows])
        order = np.lexsort((hashes, groups))
        groups, hashes = groups[order], hashes[order]
        ties = (hashes[1:] == hashes[:-1]) & (groups[1:] == groups[:-1])
        rows = rows.take(arrow_of(order))
        if ties.any():
            keys = [arrow_of(groups), arrow_of(hashes), *(rows.field(index) for index in range(len(self.names)))]
            names = [_GROUP, _HASH, *self.names]
            by = [(name, "ascending") for name in names]
            sortable = pa.RecordBatch.from_arrays(keys, names=names)
            rows = rows.take(pc.sort_indices(sortable, sort_keys=by))
        starts = np.searchsorted(groups, np.arange(state.num_groups + 1))
        kept = np.flatnonzero(np.arange(len(groups)) - starts[groups] < self.size)
        offsets = np.zeros(state.num_groups + 1, np.int64)
        np.cumsum(np.minimum(np.diff(starts), self.size), out=offsets[1:])
        return SampleState(offsets, hashes[kept], rows.take(arrow_of(kept)))

    def merge(self, left: SampleState, right: SampleState, groups: Groups) -> SampleState:
        """Join right's group i into left's group groups[i]."""
        if not len(right.hashes):
            return left
        return self._keep(left, np.repeat(groups.astype(np.int32), np.diff(right.offsets)), right.hashes, right.rows)

    def extract(self, state: SampleState) -> SampleResult:
        """The rows kept, by group."""
        arrays = []
        for index, kind in enumerate(self.kinds):
            column = state.rows.field(index)
            if kind == "text":
                column = pa.Array.from_buffers(pa.large_string(), len(column), column.buffers(), offset=column.offset)
            arrays.append(column.cast(arrow_type(kind)) if kind in ("boolean", "timestamp") else column)
        return SampleResult(state.offsets, pa.table(arrays, names=list(self.names)))


def _state_type(kind: Kind) -> pa.DataType:
    return {"text": pa.large_binary(), "boolean": pa.uint8(), "timestamp": pa.int64()}.get(kind) or arrow_type(kind)


def _canonical(array: pa.Array, kind: Kind, name: str) -> pa.Array:
    """A column in the type the state keeps."""
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), _state_type(kind))
    array = canonical_array(array, name=name)
    if kind == "number":
        array = array.cast(pa.float64())
        # One zero and one NaN, or equal rows could look different.
        array = pc.if_else(pc.is_nan(array), float("nan"), pc.add(array, 0.0))
    if kind == "text":
        return array.view(pa.large_binary())
    return array.cast(_state_type(kind))


def _plain(array: pa.Array) -> pa.Array:
    """The array with nothing under its nulls and no validity bitmap where nothing is null."""
    index = pc.if_else(pc.is_valid(array), arrow_of(np.arange(len(array), dtype=np.int64)), None)
    return array.take(index)


def _struct(fields: list[pa.Array], kind: pa.DataType) -> pa.Array:
    return pa.StructArray.from_arrays(fields, fields=list(kind))

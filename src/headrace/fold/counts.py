"""Counts: the exact count of every value, without a limit on how many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold._column import read_column, value_type
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold._spilling import Spill, entries_of, spill_limit_bytes, watch_size
from headrace.fold.kernels.entries import Entries, arrow_of
from headrace.fold.tally import Tally
from headrace.fold.value_table import ValueTable
from headrace.kinds import PLAIN_KINDS, Kind, arrow_type

__all__ = ["Counts", "CountsResult", "CountsState", "SpilledCountsResult", "SpilledValueCounts", "ValueCounts"]


@dataclass
class CountsState(State):
    """A tally beside a value table, whose entries are on disk where they are more than memory may hold.

    What is on disk is no field: `canonical`, and so `encode`, brings it back, and equal rows encode equally.
    """

    tally: Tally
    table: ValueTable

    def __post_init__(self) -> None:
        self.spill: Spill | None = None

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return self.tally.num_groups

    @property
    def is_spilled(self) -> bool:
        """Whether some of it was written to disk."""
        return self.spill is not None

    def canonical(self) -> CountsState:
        """The one form of equal contents, all of it in memory."""
        self.table.compact()
        if self.spill is not None:
            self._write()
            every = list(self.spill.merged())
            self.table.push(Entries(*_joined(every)))
            self.table.compact()
            self.spill = None
        return self

    def settle(self) -> None:
        """Write the table to disk where it has grown too large."""
        held_bytes = self.table.held_bytes()
        watch_size(self, held_bytes)
        if held_bytes > spill_limit_bytes():
            self._write()

    def _write(self) -> None:
        if self.spill is None:
            self.spill = Spill(self.num_groups)
        self.table.compact()
        self.spill.add(entries_of(self.table.offsets, self.table.values, self.table.counts))
        self.table.clear()

    def join(self, other: CountsState, groups: Groups) -> None:
        """Add another state, whose group i is this one's group groups[i]."""
        self.tally.join(other.tally, groups)
        if other.spill is not None:
            if self.spill is None:
                self.spill = Spill(self.num_groups)
            if np.array_equal(groups, np.arange(len(groups))):
                self.spill.adopt(other.spill)
            else:
                for entries in other.spill.merged():
                    assert entries.groups is not None
                    self.table.push(Entries(groups[entries.groups], entries.values, entries.counts))
                    self.settle()
        self.table.join(other.table, groups)
        self.settle()

    def stream(self) -> Iterator[Entries]:
        """Every entry in order of (group, value), in pieces. Writes what is in memory to disk first."""
        self._write()
        assert self.spill is not None
        return self.spill.merged()


def _joined(every: Sequence[Entries]) -> tuple[npt.NDArray[np.int32], Any, npt.NDArray[np.int64]]:
    groups = np.concatenate([entries.groups for entries in every if entries.groups is not None])
    first = every[0].values
    values: Any
    if isinstance(first, np.ndarray):
        values = np.concatenate([entries.values for entries in every])
    else:
        values = pa.concat_arrays([entries.values for entries in every])
    return groups, values, np.concatenate([entries.counts for entries in every])


class ValueCounts(NamedTuple):
    """One group's distinct values, ascending, and how often each came: `values, counts = result[0]`."""

    values: pa.Array
    counts: npt.NDArray[np.int64]

    def pieces(self) -> Iterator[tuple[pa.Array, npt.NDArray[np.int64]]]:
        """The same, some at a time: what must not hold all of them reads these."""
        yield self.values, self.counts


class SpilledValueCounts:
    """The same, of more values than memory may hold: unpacking it brings them all there, `pieces` does not."""

    def __init__(self, make: Callable[[], Iterator[tuple[pa.Array, npt.NDArray[np.int64]]]]) -> None:
        self.pieces = make

    def __iter__(self) -> Iterator[Any]:
        every = list(self.pieces())
        yield pa.concat_arrays([values for values, _ in every])
        yield np.concatenate([counts for _, counts in every])


@dataclass(frozen=True)
class SpilledCountsResult:
    """`CountsResult` of a spilled state: the same by group, `result[group]`, read from disk when it is asked for."""

    num_rows: npt.NDArray[np.int64]
    num_missing: npt.NDArray[np.int64]
    num_nan: npt.NDArray[np.int64]
    kind: Kind
    state: CountsState = field(repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.num_rows)

    def __getitem__(self, group: int) -> SpilledValueCounts:
        if not 0 <= group < len(self):
            raise IndexError(f"group {group} of {len(self)}")
        return SpilledValueCounts(lambda: self._pieces(group))

    def __iter__(self) -> Iterator[SpilledValueCounts]:
        return (self[group] for group in range(len(self)))

    def _pieces(self, group: int) -> Iterator[tuple[pa.Array, npt.NDArray[np.int64]]]:
        tally = self.state.tally
        yield from self._infinity(-np.inf, tally.num_negative_infinite[group])
        for entries in self.state.stream():
            assert entries.groups is not None
            first, end = np.searchsorted(entries.groups, [group, group + 1]).tolist()
            yield to_arrow_values(entries.values[first:end], self.kind), entries.counts[first:end]
        yield from self._infinity(np.inf, tally.num_positive_infinite[group])

    def _infinity(self, value: float, count: Any) -> Iterator[tuple[pa.Array, npt.NDArray[np.int64]]]:
        if count:
            yield pa.array([value], pa.float64()), np.array([count], np.int64)


@dataclass(frozen=True)
class CountsResult:
    """Value -> count, by group: `values, counts = result[group]`.

    Parameters
    ----------
    num_rows, num_missing, num_nan : int64[num_groups]
        All rows; nulls among them; NaN among them (neither is in the table).
    offsets : int64[num_groups + 1]
        Group g owns entries offsets[g] to offsets[g + 1].
    values : pyarrow.Array
        Distinct values in the kind's canonical Arrow type, ascending within a group (texts by their bytes).
    counts : int64[n]
        How often each came.
    """

    num_rows: npt.NDArray[np.int64]
    num_missing: npt.NDArray[np.int64]
    num_nan: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    values: pa.Array
    counts: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.num_rows)

    def __getitem__(self, group: int) -> ValueCounts:
        if not 0 <= group < len(self):
            raise IndexError(f"group {group} of {len(self)}")
        first, last = int(self.offsets[group]), int(self.offsets[group + 1])
        return ValueCounts(self.values[first:last], self.counts[first:last])

    def __iter__(self) -> Iterator[ValueCounts]:
        return (self[group] for group in range(len(self)))


@dataclass(frozen=True)
class Counts(Fold[CountsState, CountsResult | SpilledCountsResult]):
    """Count every value of a column exactly, however many there are: what a vocabulary is made of.

    `Distribution` serves where a bounded size matters more than the rarest value; this one grows with the number of
    distinct values.

    Parameters
    ----------
    column : str
        The column read.
    kind : Kind
        integer, number, boolean, text or timestamp.

    Nulls and NaN are counted apart; infinities are values like others; -0.0 counts as 0.0. Texts that are not UTF-8
    are counted by their bytes and come out with the replacement character (two such may then look equal).

    Raises InvalidInput for other kinds.

    Cost: 2 ns a row for dictionary text and integers within 2^17, 6 to 60 ns otherwise. State: 16 bytes, or 16 and
    the text, for each distinct value; what is more than the setting `memory_mb` allows is written to sorted runs in
    the system's folder for temporary files, and merged when it is asked for (`make bench CASE=vocabulary`).

    >>> import pyarrow as pa
    >>> from headrace.fold import Rows
    >>> fold = Counts("carrier", "text")
    >>> rows = Rows(pa.record_batch({"carrier": ["AA", None, "UA", "AA"]}))
    >>> values, counts = fold.extract(fold.add(fold.create(1), rows, None))[0]
    >>> values.to_pylist(), counts.tolist()
    (['AA', 'UA'], [2, 1])
    """

    column: str
    kind: Kind

    def __post_init__(self) -> None:
        if self.kind == "null" or self.kind not in PLAIN_KINDS:
            raise InvalidInput(
                f"values of kind {self.kind!r} cannot be counted", where=f"column {self.column!r}", expected="a value"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The column read."""
        return (self.column,)

    def create(self, num_groups: int) -> CountsState:
        """A state of no rows."""
        return CountsState(Tally.empty(num_groups), ValueTable.empty(self.kind, num_groups))

    def add(self, state: CountsState, rows: Rows, groups: Groups | None) -> CountsState:
        """Add rows; changes `state`."""
        column = read_column(rows, self.column, self.kind, groups)
        finite = state.tally.add(column)
        state.table.push_column(finite)
        state.settle()
        return state

    def merge(self, left: CountsState, right: CountsState, groups: Groups) -> CountsState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        left.join(right, groups)
        return left

    def extract(self, state: CountsState) -> CountsResult | SpilledCountsResult:
        """The answer, group by group; of a state that was spilled it is read when it is asked for."""
        if state.spill is not None:
            tally = state.tally
            return SpilledCountsResult(tally.num_rows, tally.num_missing, tally.num_nan, self.kind, state)
        tally, table = state.tally, state.table.canonical()
        offsets, values, counts = table.offsets, table.values, table.counts
        if self.kind == "number" and (tally.num_negative_infinite.any() or tally.num_positive_infinite.any()):
            offsets, values, counts = _with_infinities(tally, table)
        return CountsResult(
            tally.num_rows, tally.num_missing, tally.num_nan, offsets, to_arrow_values(values, self.kind), counts
        )


def _with_infinities(
    tally: Tally, table: ValueTable
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    low, high = tally.num_negative_infinite, tally.num_positive_infinite
    starts, ends = table.offsets[:-1], table.offsets[1:]
    places = np.concatenate([starts[low > 0], ends[high > 0]])
    extra = np.concatenate([np.full(int((low > 0).sum()), -np.inf), np.full(int((high > 0).sum()), np.inf)])
    # At one place an end (of the group before) must come before a start (of the next): ends first, stably.
    order = np.lexsort((extra == -np.inf, places))
    numbers = np.concatenate([low[low > 0], high[high > 0]])
    offsets = np.zeros_like(table.offsets)
    np.cumsum(np.diff(table.offsets) + (low > 0) + (high > 0), out=offsets[1:])
    return (
        offsets,
        np.insert(table.values, places[order], extra[order]),
        np.insert(table.counts, places[order], numbers[order]),
    )


def to_arrow_values(values: Any, kind: Kind) -> pa.Array:
    """Values as a state keeps them, in the kind's canonical Arrow type."""
    if kind == "binary":
        return values
    if value_type(kind) is None:
        try:
            return values.cast(pa.large_string())
        except pa.ArrowInvalid:  # some text is not UTF-8
            return pa.array([item.as_py().decode("utf-8", "replace") for item in values], pa.large_string())
    if kind == "boolean":
        return arrow_of(np.asarray(values)).cast(pa.bool_())
    return arrow_of(np.asarray(values)).view(arrow_type(kind))

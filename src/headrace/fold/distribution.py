"""Distribution: all that statistics and transforms ask of one column, from one state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold._column import Column, plain_texts, read_column, value_type
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold._paths import path_text
from headrace.fold.distribution_result import DistributionResult
from headrace.fold.kernels.entries import Entries, count_codes
from headrace.fold.number_sketch import NumberSketch
from headrace.fold.tally import Tally
from headrace.fold.text_sketch import TextSketch
from headrace.fold.value_table import ValueTable
from headrace.kinds import KINDS, Kind

__all__ = ["Distribution", "DistributionState"]

MAX_DISTINCT = 65_536
# Distinct texts of one group take at most this much in a table, however few they are.
MAX_TEXT_BYTES = 1 << 24


@dataclass
class DistributionState(State):
    """A tally, a value table of the groups with few values, sketches of the groups with many.

    A group is in the sketches when its distinct values are more than `max_distinct` (or their text more than 16 MiB):
    that depends on all its rows and on nothing else, and spilling a table gives the sketch its rows would have given.

    Parameters
    ----------
    kind : str
        The column's kind.
    max_distinct : int
        The limit.
    tally, table : Tally, ValueTable
        Of all groups; the table is empty where the sketches have the group.
    spilled : int32[num_spilled]
        The groups in the sketches, ascending.
    numbers : NumberSketch, texts : TextSketch
        Of num_spilled groups, in that order; the one of the other kind has no groups.
    """

    kind: str
    max_distinct: int
    tally: Tally
    table: ValueTable
    spilled: npt.NDArray[np.int32]
    numbers: NumberSketch
    texts: TextSketch

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return self.tally.num_groups

    @property
    def _is_text(self) -> bool:
        return value_type(self.kind) is None  # type: ignore[arg-type]

    def canonical(self) -> Self:
        """The one form of equal contents."""
        self._settle()
        self.table.canonical()
        self.numbers.canonical()
        return self

    def positions(self) -> npt.NDArray[np.int32]:
        """int32[num_groups]: where a group is in the sketches, -1 where it is in the table."""
        positions = np.full(self.num_groups, -1, np.int32)
        positions[self.spilled] = np.arange(len(self.spilled), dtype=np.int32)
        return positions

    def add(self, column: Column) -> None:
        """Add a column whose valid values are finite."""
        if column.values is None or self.num_groups == 0:
            return
        if len(self.spilled):
            positions = self.positions()
            if column.groups is None:
                if positions[0] >= 0:
                    self._sketch_column(column, None if len(self.spilled) == 1 else positions)
                    return
            else:
                inside = positions[column.groups] >= 0
                if inside.any():
                    self._sketch_column(column.take(np.flatnonzero(inside)), positions)
                    column = column.take(np.flatnonzero(~inside))
        self.table.push_column(column)
        self._settle_if_crowded()

    @property
    def is_text_sketch(self) -> bool:
        """Whether this is one group, of text, in the sketches: what comes needs no counting by value first."""
        return self._is_text and self.num_groups == 1 and len(self.spilled) == 1

    def add_texts(self, texts: pa.Array) -> None:
        """Add a large_binary column to such a state."""
        self.tally.num_rows[0] += len(texts)
        self.tally.num_missing[0] += texts.null_count
        if texts.null_count:
            texts = texts.drop_null()
        self._sketch(texts, np.ones(len(texts), np.int64), None, None)

    def _sketch_column(self, column: Column, positions: npt.NDArray[np.int32] | None) -> None:
        """Add rows of spilled groups; positions None: there is one, and all are its."""
        if column.dictionary is not None:
            assert column.values is not None
            entries = count_codes(column.values, column.valid, column.dictionary, column.groups, self.num_groups)
            self._sketch(entries.values, entries.counts, entries.groups, positions)
        else:
            values, groups = column.kept()
            self._sketch(values, None, groups, positions, column.edges)

    def _sketch(
        self,
        values: Any,
        counts: npt.NDArray[np.int64] | None,
        groups: Groups | None,
        positions: npt.NDArray[np.int32] | None,
        edges: tuple[float, float, int] | None = None,
    ) -> None:
        if positions is not None:
            groups = np.zeros(len(values), np.int32) if groups is None else groups
            groups = positions[groups]
        if self._is_text:
            assert counts is not None
            self.texts.add(Entries(groups, values, counts), is_binary=self.kind == "binary")
        else:
            self.numbers.add(values, counts, groups, edges)

    def _settle_if_crowded(self) -> None:
        """Spill early, so that what is held stays small; when does not matter to the state in the end."""
        if self.table.num_distinct_at_least > self.max_distinct or self.table.was_sorted():
            self._settle()

    def _settle(self) -> None:
        """Sort what waits, and spill the groups that have grown too large."""
        self.table.compact()
        self.table.was_sorted()
        sizes = np.diff(self.table.offsets)
        crowded = sizes > self.max_distinct
        if self._is_text and self.table.num_text_bytes > MAX_TEXT_BYTES:
            crowded |= self.table.text_bytes() > MAX_TEXT_BYTES
        if crowded.any():
            self._spill(np.flatnonzero(crowded).astype(np.int32))

    def _spill(self, groups: npt.NDArray[np.int32]) -> None:
        """Move these groups, which are in the table, to the sketches."""
        before, self.spilled = self.spilled, np.union1d(self.spilled, groups).astype(np.int32)
        places = np.searchsorted(self.spilled, before).astype(np.int32)
        if self._is_text:
            texts = TextSketch.empty(len(self.spilled))
            texts.join(self.texts, places)
            self.texts = texts
        else:
            numbers = NumberSketch.empty(self.kind, len(self.spilled))  # type: ignore[arg-type]
            numbers.join(self.numbers, places)
            self.numbers = numbers
        moved = self.table.remove(groups)
        if self.num_groups == 1 and not self._is_text:
            # The kernels of one group; what came once each needs no counts.
            self._sketch(moved.values, moved.counts if (moved.counts != 1).any() else None, None, None)
            return
        self._sketch(moved.values, moved.counts, moved.groups, self.positions())

    def join(self, other: DistributionState, groups: Groups) -> None:
        """Add another state, whose group i is this one's group groups[i]."""
        self.tally.join(other.tally, groups)
        other._settle()
        if len(other.spilled):
            target = groups[other.spilled]
            missing = np.setdiff1d(target, self.spilled).astype(np.int32)
            if len(missing):
                self.table.compact()
                self._spill(missing)
            places = self.positions()[target]
            if self._is_text:
                self.texts.join(other.texts, places)
            else:
                self.numbers.join(other.numbers, places)
        theirs = other.table.entries()
        if len(theirs.counts):
            owners = np.zeros(len(theirs.counts), np.int32) if theirs.groups is None else theirs.groups
            self.push(Entries(groups[owners], theirs.values, theirs.counts))
        self._settle_if_crowded()

    def push(self, entries: Entries) -> None:
        """Add entries, which name their groups, to the table or to the sketches, wherever their group is."""
        assert entries.groups is not None
        positions = self.positions()
        inside = positions[entries.groups] >= 0
        for chosen, is_inside in ((np.flatnonzero(inside), True), (np.flatnonzero(~inside), False)):
            if len(chosen):
                part = entries if len(chosen) == len(inside) else entries.take(chosen)
                if is_inside:
                    self._sketch(part.values, part.counts, part.groups, positions)
                else:
                    self.table.push(part)
        self._settle_if_crowded()


@dataclass(frozen=True)
class Distribution(Fold[DistributionState, DistributionResult]):
    """The distribution of one column: counts, moments, quantiles, histogram, distinct and top values, lengths.

    One state serves statistics, schema inference and transforms, so that a pass over a column is made once. While a
    group has at most `max_distinct` values it is a value table and every answer is exact; beyond that it becomes
    sketches of bounded size, whose answers carry their bounds. Which of the two depends on the rows alone, never on
    their order or on how they were cut.

    Parameters
    ----------
    column : str
        The column read.
    kind : Kind
        What values are counted as; null, list, struct and other have counts of rows only.
    max_distinct : int
        The largest value table of a group.
    path : tuple of str
        Where the values lie in the column: `(".a",)` a struct's field, `("[]",)` the values of lists, `("#",)` how many
        they are, `("e2",)` a decimal in hundredths (an integer). Rows are then what lies there.

    Nulls, NaN and infinities are counted apart and are in no other figure; -0.0 is 0.0.

    Raises UnknownName when a batch lacks the column, InvalidInput when it holds another kind.

    Cost: 2 ns a row for dictionary text and integers within 2^17; otherwise 6 to 60 ns a row for a table and 50 ns
    for a sketch. State: 16 bytes a distinct value (and its text), at most 1 MB (text 16 MiB) a group.

    >>> import pyarrow as pa
    >>> from headrace.fold import Rows
    >>> fold = Distribution("delay", "integer")
    >>> rows = Rows(pa.record_batch({"delay": [1, None, 3, 3]}))
    >>> result = fold.extract(fold.add(fold.create(1), rows, None))
    >>> result.num_rows.tolist(), result.num_missing.tolist(), round(result[0].mean, 3), result[0].max
    ([4], [1], 2.333, 3)
    """

    column: str
    kind: Kind
    max_distinct: int = MAX_DISTINCT
    path: tuple[str, ...] = ()

    version: ClassVar[int] = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", tuple(self.path))
        if self.kind not in KINDS:
            raise InvalidInput(f"kind {self.kind!r}", where=f"column {self.column!r}", expected=", ".join(KINDS))
        if self.max_distinct < 0:
            raise InvalidInput(f"max_distinct = {self.max_distinct}", where=f"column {self.column!r}", expected=">= 0")

    @property
    def columns(self) -> tuple[str, ...]:
        """The column read."""
        return (self.column,)

    @property
    def name(self) -> str:
        """How what is counted is called: the column, or `s.a` in it."""
        return self.column + path_text(self.path)

    def create(self, num_groups: int) -> DistributionState:
        """A state of no rows."""
        return DistributionState(
            self.kind,
            self.max_distinct,
            Tally.empty(num_groups),
            ValueTable.empty(self.kind, num_groups),
            np.zeros(0, np.int32),
            NumberSketch.empty(self.kind if value_type(self.kind) is not None else "integer", 0),
            TextSketch.empty(0),
        )

    def add(self, state: DistributionState, rows: Rows, groups: Groups | None) -> DistributionState:
        """Add rows; changes `state`."""
        if groups is None and state.is_text_sketch:
            texts = plain_texts(rows, self.column, self.kind, self.path)
            if texts is not None:
                state.add_texts(texts)
                return state
        state.add(state.tally.add(read_column(rows, self.column, self.kind, groups, self.path)))
        return state

    def merge(self, left: DistributionState, right: DistributionState, groups: Groups) -> DistributionState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        left.join(right, groups)
        return left

    def extract(self, state: DistributionState) -> DistributionResult:
        """The answer, group by group."""
        state = state.canonical()
        return DistributionResult(self.kind, state.tally, state.table, state.positions(), state.numbers, state.texts)

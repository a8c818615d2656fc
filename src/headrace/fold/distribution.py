"""Distribution: all that statistics and transforms ask of one column, from one state."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.fold._column import read_column
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold.distribution_result import DistributionResult
from headrace.fold.tally import Tally
from headrace.fold.value_table import ValueTable
from headrace.schema import Kind

__all__ = ["Distribution", "DistributionState"]


@dataclass
class DistributionState(State):
    """A tally beside a value table."""

    tally: Tally
    table: ValueTable

    @property
    def num_groups(self) -> int:
        return self.tally.num_groups

    def canonical(self) -> DistributionState:
        self.table.compact()
        return self


@dataclass(frozen=True)
class Distribution(Fold[DistributionState, DistributionResult]):
    """The distribution of one column.

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

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def create(self, num_groups: int) -> DistributionState:
        return DistributionState(Tally.empty(num_groups), ValueTable.empty(self.kind, num_groups))

    def add(self, state: DistributionState, rows: Rows, groups: Groups | None) -> DistributionState:
        state.table.push_column(state.tally.add(read_column(rows, self.column, self.kind, groups)))
        return state

    def merge(self, left: DistributionState, right: DistributionState, groups: Groups) -> DistributionState:
        left.tally.join(right.tally, groups)
        left.table.join(right.table, groups)
        return left

    def extract(self, state: DistributionState) -> DistributionResult:
        return DistributionResult(self.kind, state.tally, state.table.canonical())

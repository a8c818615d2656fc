"""lift: a simple fold becomes a grouped one that keeps the laws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headrace.fold import Rows, State
from headrace.fold.lifting import SimpleFold, lift
from headrace.testing import strategies
from headrace.testing.fold_laws import FoldLaws


@dataclass
class Extent(State):
    """How far present values reach."""

    num_present: int
    longest: int


@dataclass(frozen=True)
class TextExtent(SimpleFold[Extent, tuple[int, int]]):
    """How many texts there are and how long the longest is: what a newcomer would write."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column read."""
        return (self.column,)

    def create(self) -> Extent:
        """Nothing yet."""
        return Extent(0, 0)

    def add(self, state: Extent, rows: Rows) -> Extent:
        """Count, and measure."""
        column = rows.batch.column(self.column).cast(pa.string())
        longest = pc.max(pc.utf8_length(column)).as_py() or 0
        return Extent(state.num_present + len(column) - column.null_count, max(state.longest, longest))

    def merge(self, left: Extent, right: Extent) -> Extent:
        """Both."""
        return Extent(left.num_present + right.num_present, max(left.longest, right.longest))

    def extract(self, state: Extent) -> tuple[int, int]:
        """As a pair."""
        return state.num_present, state.longest


class TestLaws(FoldLaws):
    """The laws on a lifted fold."""

    folds = (lift(TextExtent("x")),)
    rows = strategies.rows({"x": "text"}, max_rows=12)


def test_groups_by_hand() -> None:
    """Each group has its own answer, an empty one that of no rows."""
    fold = lift(TextExtent("x"))
    rows = Rows(pa.record_batch({"x": ["a", None, "abc", "é"]}))
    state = fold.add(fold.create(3), rows, np.array([0, 0, 2, -1], np.int32))
    assert fold.extract(state) == [(1, 1), (0, 0), (1, 3)]

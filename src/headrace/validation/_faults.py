"""The one pass over the rows: how many values of a column each check finds at fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset.rows import to_bools
from headrace.fold import Fold, Groups, Rows, State
from headrace.kinds import Kind, arrow_type, canonical_array, kind_of
from headrace.lookup import find
from headrace.schema import Feature
from headrace.validation._contract import RowCheck

__all__ = ["FaultCounts", "FaultState", "canonical_values", "reads_as", "row_check"]


def row_check(code: str) -> RowCheck:
    """The check of rows of that name."""
    check = find("check", code)()
    assert isinstance(check, RowCheck)
    return check


def reads_as(kind: Kind | None, asked: Kind) -> bool:
    """Whether values of a kind can be judged as another: integers as numbers, a column without any value as all."""
    return kind == asked or kind == "null" or (kind == "integer" and asked == "number")


def canonical_values(array: Any, kind: Kind, name: str) -> pa.Array:
    """A column as checks of that kind take it: in its canonical type, but text as it is encoded."""
    found = kind_of(array.type)
    if found == kind == "text":
        return array
    values = canonical_array(array, name=name)
    return values if found == kind else values.cast(arrow_type(kind))


@dataclass
class FaultState(State):
    """Counts alone, so merging is adding and order cannot show."""

    counts: npt.NDArray[np.int64]  # [num_groups, 1 + num_codes]: rows, then rows at fault by code

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.counts)


@dataclass(frozen=True)
class FaultCounts(Fold[FaultState, npt.NDArray[np.int64]]):
    """Rows, and rows at fault by each check, of one column.

    Parameters
    ----------
    feature : Feature
        What the column must look like.
    codes : tuple of str
        The checks of rows that judge it.

    Extracts int64[num_groups, 1 + num_codes]: rows, then rows at fault by code. Cost: one pass of each check's
    comparison; 8 bytes a group and code.
    """

    feature: Feature
    codes: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The feature's column."""
        return (self.feature.name,)

    def create(self, num_groups: int) -> FaultState:
        """No rows."""
        return FaultState(np.zeros((num_groups, 1 + len(self.codes)), dtype=np.int64))

    def add(self, state: FaultState, rows: Rows, groups: Groups | None) -> FaultState:
        """Count the batch."""
        values = canonical_values(rows.batch.column(self.feature.name), self.feature.kind, self.feature.name)
        masks = [row_check(code).at_fault(self.feature, values) for code in self.codes]
        if groups is None:
            state.counts[0, 0] += rows.num_rows
            for index, mask in enumerate(masks):
                state.counts[0, 1 + index] += mask.true_count
            return state
        counted = groups >= 0
        np.add.at(state.counts[:, 0], groups[counted], 1)
        for index, mask in enumerate(masks):
            np.add.at(state.counts[:, 1 + index], groups[counted & to_bools(mask)], 1)
        return state

    def merge(self, left: FaultState, right: FaultState, groups: Groups) -> FaultState:
        """Add the counts."""
        np.add.at(left.counts, groups, right.counts)
        return left

    def extract(self, state: FaultState) -> npt.NDArray[np.int64]:
        """The counts."""
        return state.counts

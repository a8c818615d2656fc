"""Cut: ranges and conditions, worked out of rows before they are grouped by them."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from headrace.engine import Work
from headrace.fold import Rows
from headrace.slicing import Derived

__all__ = ["Cut"]


@dataclass(frozen=True)
class Cut(Work):
    """The columns that slices are cut by and the data set does not have.

    Parameters
    ----------
    derived : tuple of Bins or Condition
        Each gives a column under its name.
    """

    derived: tuple[Derived, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns read."""
        return tuple(dict.fromkeys(name for one in self.derived for name in one.columns))

    def __call__(self, rows: Rows) -> Rows:
        """The derived columns; never changes its argument."""
        arrays = [one.derive(rows.batch) for one in self.derived]
        names = [one.name for one in self.derived]
        return Rows(pa.RecordBatch.from_arrays(arrays, names=names), rows.row_id, rows.weight)

"""The number sketch: exact moments, an ordered-key grid and HyperLogLog, for numbers with too many values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from headrace.fold._contract import Groups, State
from headrace.fold.exponent_accumulator import ExponentAccumulator
from headrace.fold.hyperloglog import HyperLogLog
from headrace.fold.ordered_grid import OrderedGrid
from headrace.kinds import Kind

__all__ = ["NumberSketch"]


@dataclass
class NumberSketch(State):
    """What is kept of numbers with too many distinct values."""

    moments: ExponentAccumulator
    grid: OrderedGrid
    distinct: HyperLogLog

    @classmethod
    def empty(cls, kind: Kind, num_groups: int) -> Self:
        """No values in any group."""
        return cls(
            ExponentAccumulator.empty(num_groups), OrderedGrid.empty(kind, num_groups), HyperLogLog.empty(num_groups)
        )

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return self.grid.num_groups

    def canonical(self) -> Self:
        """The one form of equal contents."""
        self.moments.canonical()
        self.grid.canonical()
        return self

    def add(
        self,
        values: npt.NDArray[Any],
        counts: npt.NDArray[np.int64] | None,
        groups: Groups | None,
        edges: tuple[float, float, int] | None = None,
    ) -> None:
        """Add finite int64 or float64 values, each counts[i] times (None: once); groups None means group 0.

        `edges`: their smallest, their largest and the number of zeros, where they are known.
        """
        if len(values):
            self.moments.add_values(values, counts, groups)
            self.grid.add_values(values, counts, groups, edges)
            self.distinct.add_values(values, groups)

    def join(self, other: NumberSketch, groups: Groups) -> None:
        """Add another, whose group i is this one's group groups[i]."""
        self.moments.join(other.moments, groups)
        self.grid.join(other.grid, groups)
        self.distinct.join(other.distinct, groups)

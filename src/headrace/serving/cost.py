"""Cost: what running a version takes on this machine, measured when it is warmed up."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, NamedTuple

import numpy as np

__all__ = ["UNKNOWN_COST", "Cost", "measure"]

# A future, and cutting the rows apart again, cost a request this much; see docs/why.md.
_TOGETHER_NS = 8_000


class Cost(NamedTuple):
    """What running a version takes here.

    Parameters
    ----------
    base_ns : int
        Of every run, whatever its rows.
    row_ns : int
        Of each row.
    """

    base_ns: int = 0
    row_ns: int = 0

    def of(self, num_rows: int) -> int:
        """What a run of so many rows takes, in nanoseconds.

        >>> Cost(20_000, 2_000).of(10)
        40000
        """
        return self.base_ns + self.row_ns * num_rows

    @property
    def is_better_together(self) -> bool:
        """Whether requests that are there at the same time are answered sooner by one run.

        >>> Cost(20_000, 2_000).is_better_together, Cost(3_000, 40_000).is_better_together
        (True, False)
        """
        return self.base_ns > _TOGETHER_NS


UNKNOWN_COST = Cost()


def measure(run: Callable[[Any], Any], lanes: Any, *, turns: int = 5) -> Cost:
    """What a run costs, by the quickest of some: of one row, and of 16 equal to it.

    Parameters
    ----------
    run : callable
        Runs the model with lanes.
    lanes : dict of str to ndarray [1, width]
        Of one row.

    Cost: 10 runs, fewer where one takes more than 20 ms.
    """
    many = {name: np.repeat(lane, 16, axis=0) for name, lane in lanes.items()}
    took = []
    for asked in (lanes, many):
        best = 1 << 62
        for _ in range(turns):
            start = perf_counter_ns()
            run(asked)
            best = min(best, perf_counter_ns() - start)
            if best > 20_000_000:
                break
        took.append(best)
    row_ns = max(0, took[1] - took[0]) // 15
    return Cost(max(0, took[0] - row_ns), row_ns)

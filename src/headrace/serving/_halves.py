"""Halves: a run of many rows on two threads, where a core is free for it.

One run has one thread (`headrace.model.session` says why), so a request of many rows leaves the other cores idle while
its caller waits. Rows do not see each other inside a model: two runs of half the rows give the same bytes.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["Halves", "cores_of"]

# Half of it is worth the hand-over, which takes about 60 us.
_WORTH_NS = 600_000
_FEWEST_ROWS = 128

# A share of a run: lanes in, predictions out; it stops between two pieces once the event is set.
Share = Callable[[Any, threading.Event], Any]


def cores_of(num_workers: int) -> int:
    """How many cores one of so many workers has for itself."""
    # Linux alone knows which cores this process may use; a container often may use fewer than there are.
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return usable // max(1, num_workers)


class Halves:
    """One thread beside that which runs, for one run at a time: whoever finds it taken runs alone.

    Parameters
    ----------
    num_cores : int
        How many cores this worker has for itself; with one nothing is halved.
    """

    def __init__(self, num_cores: int) -> None:
        self._is_free = threading.Semaphore(1)
        self._pool = ThreadPoolExecutor(1, "halves") if num_cores > 1 else None
        if self._pool is not None:
            self._pool.submit(int)  # its thread is there from the start, as that of the runs

    def run(self, lanes: Any, num_rows: int, cost_ns: int, share: Share) -> Any:
        """What `share` gives for all the rows, by two calls of it at the same time where that pays.

        Raises what the first half raises, or else the second; both have ended by then.
        """
        never = threading.Event()
        if self._pool is None or cost_ns < _WORTH_NS or num_rows < 2 * _FEWEST_ROWS:
            return share(lanes, never)
        if not self._is_free.acquire(blocking=False):
            return share(lanes, never)
        try:
            half, is_over = num_rows // 2, threading.Event()
            rest = {name: lane[half:] for name, lane in lanes.items()}
            other = self._pool.submit(share, rest, is_over)
            try:
                first = share({name: lane[:half] for name, lane in lanes.items()}, never)
            except BaseException:
                is_over.set()
                other.exception()  # waited for: it must not run on for nobody
                raise
            return np.concatenate([first, other.result()])
        finally:
            self._is_free.release()

"""Patience: requests whose body does not come are ended, so that a client that never sends it holds nothing for long.

The kernel and Granian wait for ever; a timer for each request would cost more than reading it. So the requests that
wait are kept in a dict, and looked over once a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter_ns
from typing import Any

__all__ = ["Overdue", "Patience"]


class Overdue(Exception):
    """The body did not come in time."""


class Patience:
    """The requests that wait for their body.

    Parameters
    ----------
    timeout_s : float
        How long each may.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_ns = int(timeout_s * 1e9)
        self._waiting: dict[Any, int] = {}
        self._overdue: set[Any] = set()

    @property
    def num_waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    async def read(self, body: Any) -> bytes:
        """Wait for a body. Raises Overdue. Cost: 0.4 us."""
        task = asyncio.current_task()
        self._waiting[task] = perf_counter_ns()
        try:
            return bytes(await body)
        except asyncio.CancelledError:
            self._settle(task)
            raise
        finally:
            self._waiting.pop(task, None)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Wait for a body part by part, within the block; the whole of it has the time. Raises Overdue."""
        task = asyncio.current_task()
        self._waiting[task] = perf_counter_ns()
        try:
            yield
        except asyncio.CancelledError:
            self._settle(task)
            raise
        finally:
            self._waiting.pop(task, None)

    def _settle(self, task: Any) -> None:
        """Whether it was us that ended the wait."""
        if task in self._overdue:
            self._overdue.discard(task)
            task.uncancel()
            raise Overdue

    def sweep(self) -> None:
        """End the waits that were too long."""
        limit_ns = perf_counter_ns() - self._timeout_ns
        for task in [task for task, since_ns in self._waiting.items() if since_ns < limit_ns]:
            self._waiting.pop(task, None)
            self._overdue.add(task)
            task.cancel()

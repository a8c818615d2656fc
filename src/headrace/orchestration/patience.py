"""Patience: how often a step is tried again, how long is waited before each try, and after how long it is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from headrace import progress
from headrace.canonical import digest
from headrace.errors import InvalidInput

if TYPE_CHECKING:
    from headrace.orchestration.tracing import Node
    from headrace.store import AttemptRow, Store

__all__ = ["LONGEST_S", "Patience", "Tries", "wait_before"]

LONGEST_S = 3600.0
"""No wait before a try is longer, in seconds."""

_SPREAD = 0.1  # by how much of itself a wait is lengthened at most: steps that fell together do not come back together
_LIMITS: dict[str, tuple[float, float]] = {
    "retries": (0, 100),
    "backoff_s": (0.0, LONGEST_S),
    "backoff_factor": (1.0, 100.0),
    "timeout_s": (0.001, 1e9),
}


@dataclass(frozen=True)
class Patience:
    """What a step says of being tried again, or a pipeline for those of its steps that say nothing; None = nothing.

    Parameters
    ----------
    retries : int or None
        How often it is tried again when it raises or its process dies.
    backoff_s : float or None
        Seconds before the first of these tries.
    backoff_factor : float or None
        By how much each further wait is longer than the one before.
    timeout_s : float or None
        Seconds after which a try is stopped; it has failed then.

    Raises InvalidInput for a value out of range.
    """

    retries: int | None = None
    backoff_s: float | None = None
    backoff_factor: float | None = None
    timeout_s: float | None = None

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = getattr(self, name)
            if value is None:
                continue
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not is_number or not low <= value <= high or (name == "retries" and not isinstance(value, int)):
                raise InvalidInput(f"{name}={value!r}", expected=f"a number from {low:g} to {high:g}")

    def over(self, defaults: Patience) -> Patience:
        """The same, with the defaults where it says nothing.

        >>> Patience(retries=3).over(Patience(retries=1, backoff_s=5.0))
        Patience(retries=3, backoff_s=5.0, backoff_factor=None, timeout_s=None)
        """
        mine = {item.name: getattr(self, item.name) for item in fields(self)}
        return Patience(**{name: getattr(defaults, name) if value is None else value for name, value in mine.items()})


def wait_before(node: Node, run_id: str, number: int) -> float:
    """Seconds to wait before the `number`-th time that a step is tried again.

    `backoff_s` times `backoff_factor` for each time before, an hour at most, and up to a tenth more, which run, step
    and number decide: a run that is resumed waits as long as it would have.
    """
    base = min(node.backoff_s * node.backoff_factor ** (number - 1), LONGEST_S)
    share = int(digest([run_id, node.name, number])[:8], 16) / 0xFFFFFFFF
    return base * (1.0 + _SPREAD * share)


class Tries:
    """How often the steps of a run have failed, and when each is tried again.

    Who goes on with a run that was cut off waits the rest of what its steps waited for: when they failed is in the
    store, and the wait follows from it. A run that had ended begins anew.

    Parameters
    ----------
    run_id, store : str, Store
        The run, and where each wait is recorded, for people to see.
    rows : iterable of AttemptRow
        The attempts of the run so far.
    """

    def __init__(self, run_id: str, store: Store, rows: Iterable[AttemptRow]) -> None:
        self._run_id, self._store = run_id, store
        self._numbers: dict[str, int] = {}
        self._due: dict[str, float] = {}  # on the monotonic clock
        self._before: dict[str, list[AttemptRow]] = {}
        ended = store.newest_event("run-finished", run_id=run_id)
        for row in rows:
            if row.state == "failed" and (ended is None or row.started_us > ended.time_us):
                self._before.setdefault(row.step, []).append(row)

    def tries_again(self, node: Node, reason: str) -> bool:
        """Count a failure; whether the step is tried again, now or when `has_to_wait` no longer says so."""
        number = self._numbers[node.name] = self._numbers.get(node.name, 0) + 1
        if number > node.retries:
            return False
        wait_s = wait_before(node, self._run_id, number)
        self._due[node.name] = time.monotonic() + wait_s
        again = f"trying again{f' in {wait_s:.0f} s' if wait_s else ''} ({number} of {node.retries})"
        progress.say(f"{node.name}: {reason}; {again}")
        if wait_s:
            at_us = round((time.time() + wait_s) * 1e6)
            body = {"step": node.name, "number": number, "of": node.retries, "wait_s": wait_s, "at_us": at_us}
            self._store.append_event("retry-planned", body, run_id=self._run_id)
        return True

    def has_to_wait(self, node: Node, key: str) -> bool:
        """Whether a step that failed under this key is not to be tried again yet."""
        failures = [row for row in self._before.pop(node.name, []) if row.key == key]
        if 0 < len(failures) <= node.retries:
            self._numbers[node.name] = len(failures)
            wait_s = wait_before(node, self._run_id, len(failures))
            # Never longer than the whole, whatever became of the clock.
            left_s = min(wait_s, (failures[-1].ended_us or 0) / 1e6 + wait_s - time.time())
            self._due[node.name] = time.monotonic() + left_s
            if left_s > 0:
                progress.say(f"{node.name}: failed before; trying again in {left_s:.0f} s")
        return time.monotonic() < self._due.get(node.name, 0.0)

    @property
    def is_waiting(self) -> bool:
        """Whether a step waits to be tried again."""
        now = time.monotonic()
        return any(moment > now for moment in list(self._due.values()))

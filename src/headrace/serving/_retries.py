"""Retries: what could not be loaded, whether that is for good, and when it is tried again: later each time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

__all__ = ["Retries"]

_FIRST_S = 1.0
_LAST_S = 60.0

K = TypeVar("K", bound=Hashable)


class Retries(Generic[K]):
    """What failed.

    Parameters
    ----------
    clock : callable
        Seconds; it never jumps.

    >>> now = [0.0]
    >>> retries = Retries(lambda: now[0])
    >>> retries.fail("a", is_final=False), retries.may("a")
    (True, False)
    >>> now[0] = 1.0
    >>> retries.may("a"), retries.fail("a", is_final=False), retries.fail("a", is_final=True)
    (True, False, True)
    >>> now[0] = 1e9
    >>> retries.may("a")
    False
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._final: set[K] = set()
        self._tries: dict[K, int] = {}
        self._at: dict[K, float] = {}

    def fail(self, key: K, *, is_final: bool) -> bool:
        """One failed; whether that is news: the first time, and the first time that it is for good."""
        is_known = key in self._final
        if is_final:
            self._final.add(key)
            return not is_known
        tries = self._tries[key] = self._tries.get(key, 0) + 1
        self._at[key] = self._clock() + min(_LAST_S, _FIRST_S * 2.0 ** (tries - 1))
        return not is_known and tries == 1

    def may(self, key: K) -> bool:
        """Whether it may be tried now."""
        return key not in self._final and self._at.get(key, 0.0) <= self._clock()

    def is_due(self, key: K) -> bool:
        """Whether its time has come, if it failed; of one that failed for good too."""
        return self._at.get(key, 0.0) <= self._clock()

    def succeed(self, key: K) -> None:
        """One went well: the next time that it fails is the first again."""
        self._tries.pop(key, None)

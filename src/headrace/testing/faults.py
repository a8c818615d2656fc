"""Faults: make the k-th write, fsync or rename of `headrace.disk` fail; all bytes pass through these three doors.

for faults in failures(monkeypatch, errno.ENOSPC):   # the first call fails, then the second, ... then none
    ...
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any, Self

import pytest

from headrace import disk

__all__ = ["Faults", "failures"]


class Faults:
    """While entered, the `fails_at`-th call (from 1) through a door of `disk` fails, once.

    Parameters
    ----------
    monkeypatch : pytest.MonkeyPatch
        Puts the doors back.
    fails_at : int
        Which call; 0 = none, the calls are only counted, in `num_calls`.
    error : int or None
        The errno to raise; None: when that call is a write, one byte of it is written and nothing is raised.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, fails_at: int, error: int | None) -> None:
        self._monkeypatch, self.fails_at, self._error = monkeypatch, fails_at, error
        self.num_calls = 0
        self.has_failed = False

    def __enter__(self) -> Self:
        self._patch = self._monkeypatch.context()
        patch = self._patch.__enter__()
        for door in ("_write", "_fsync", "_rename"):
            patch.setattr(disk, door, self._failing(getattr(disk, door)))
        return self

    def __exit__(self, *exception: Any) -> None:
        self._patch.__exit__(*exception)

    def _failing(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.num_calls += 1
            if self.num_calls != self.fails_at:
                return real(*arguments)
            self.has_failed = True
            if self._error is not None:
                raise OSError(self._error, os.strerror(self._error))
            if isinstance(arguments[-1], memoryview):
                descriptor, data = arguments
                return real(descriptor, data[:1])
            return real(*arguments)

        return call


def failures(monkeypatch: pytest.MonkeyPatch, error: int | None) -> Iterator[Faults]:
    """Entered Faults for k = 1, 2, ...; the last run is over before its k-th call, so nothing fails in it."""
    for fails_at in itertools.count(1):
        with Faults(monkeypatch, fails_at=fails_at, error=error) as faults:
            yield faults
        if not faults.has_failed:
            return

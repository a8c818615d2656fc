"""The watermark: up to when nothing more is waited for."""

from __future__ import annotations

import time
from collections.abc import Mapping

__all__ = ["Watermark"]


class Watermark:
    """The earliest, over all partitions, of the newest event minus what may be late.

    A partition whose end was reached, and that has been silent for `idle_s`, is taken to have reached the present; one
    that has never had a message and is not idle holds everything back. It never goes backward.

    Parameters
    ----------
    late_s, idle_s : float
        In seconds, see `Stream`.
    newest_us : mapping of str to int
        Partition -> its newest event so far, UTC epoch microseconds: part of the cursor.
    """

    def __init__(self, late_s: float, idle_s: float, newest_us: Mapping[str, int]) -> None:
        self._late_us, self._idle_s = round(late_s * 1e6), idle_s
        self.newest_us = dict(newest_us)
        self._heard_s: dict[str, float] = {}
        self._waiting: dict[str, int | None] = {}
        self._value: int | None = None

    def see(self, partition: str, newest_us: int) -> None:
        """A partition has had a message."""
        self.newest_us[partition] = max(newest_us, self.newest_us.get(partition, newest_us))

    def hear(self, waiting: Mapping[str, int | None], spoke: set[str]) -> None:
        """What a poll said: which partitions there are, what waits in each, and which of them had messages."""
        now = time.monotonic()
        self._waiting = dict(waiting)
        for partition, number in waiting.items():
            if partition in spoke or number or partition not in self._heard_s:
                self._heard_s[partition] = now

    def value_us(self, *, is_at_end: bool = False) -> int | None:
        """The watermark in UTC epoch microseconds; None before there is one.

        `is_at_end`: whoever asks wants what was there and nothing more, so that every end is the present.
        """
        present_us = time.time_ns() // 1000 - self._late_us
        found: list[int] = []
        for partition in self._waiting:
            newest = self.newest_us.get(partition)
            reached = None if newest is None else newest - self._late_us
            silent_s = time.monotonic() - self._heard_s[partition]
            if is_at_end or (not self._waiting[partition] and silent_s >= self._idle_s):
                reached = present_us if reached is None else max(present_us, reached)
            if reached is None:
                return self._value
            found.append(reached)
        if found:
            self._value = max(min(found), self._value if self._value is not None else min(found))
        return self._value

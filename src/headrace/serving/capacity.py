"""Capacity: how much may wait in a worker, and how much each endpoint or caller may ask for.

A server that takes more than it can answer answers nobody in time. What waits is bounded in requests, in bytes and,
because a model of a millisecond is not one of a second, in time: a request that would wait longer than `queue_wait_ms`
is answered 503 at once, with `retry-after`. How long that would be is known from what answering took lately: work
alone, no waiting, so that clients who send slowly, or nothing, do not make the server look busy; and the median of
some, so that a machine that stalled for a moment does not. To turn one away costs a small part of answering it, so that
under three times the load that a worker can bear it goes on answering nearly as many as it can
(`make prove CASE=overload`).

Calls that are answered on threads (gRPC) go through the same door: they come in by `enter` and out by `leave`, and
count beside the loop's requests in every bound.

Quotas are token buckets, a second deep. With several workers each has its share of the rate, because each gets its
share of the connections: a caller with one connection gets one worker's share.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Any

from headrace.errors import InvalidInput, TooManyRequests

__all__ = ["Capacity", "Quotas", "read_quota"]

_ALWAYS = 8  # so many are let in whatever they are thought to take: an estimate must not close the door for ever
# Some clients with large requests each are no crowd: up to so many may wait so many times as long.
_FEW, _PATIENCE = 64, 10.0
_BLOCK = 16
_BLOCK_NS = 100_000_000
# What a request takes that is not seen from here: the HTTP server's own part.
_OUTSIDE_NS = 40_000
_CROWDED_NS = 25_000_000
_TURN_NS = 2_000_000


class _Pace:
    """What one takes lately: the median of some blocks of 16."""

    __slots__ = ("_blocks", "_num_in_block", "each_ns")

    def __init__(self) -> None:
        self.each_ns = 0.0
        self._blocks: list[float] = []
        self._num_in_block = 0

    def answered(self, busy_ns: int) -> int:
        """One was answered, and so much work was done since the block began; what of it is to be kept."""
        self._num_in_block += 1
        if self._num_in_block < _BLOCK and busy_ns <= _BLOCK_NS:
            return busy_ns
        self._blocks = [*self._blocks[-4:], busy_ns / self._num_in_block + _OUTSIDE_NS]
        self.each_ns = sorted(self._blocks)[len(self._blocks) // 2]
        self._num_in_block = 0
        return 0


class Capacity:
    """What is under way in a worker, and whether more is let in.

    Parameters
    ----------
    most_requests : int
        Under way at once.
    most_bytes : int
        Of the bodies of these.
    most_wait_s : float
        The longest that a request may be expected to wait; ten times that where at most 64 are under way.

    `num_running`, `num_bytes`, `num_answered` and `busy_ns` are the loop's own, written by its thread alone; what comes
    in by `enter` is counted apart.

    >>> capacity = Capacity(most_requests=1, most_bytes=1 << 20, most_wait_s=0.1)
    >>> capacity.num_running = 2
    >>> capacity.why_not(10)
    'requests'
    """

    __slots__ = (
        "_call_bytes",
        "_call_ns",
        "_calls",
        "_lock",
        "_most_bytes",
        "_most_requests",
        "_most_wait_ns",
        "_num_calls",
        "_requests",
        "busy_ns",
        "num_answered",
        "num_bytes",
        "num_running",
        "turned_away",
    )

    def __init__(self, *, most_requests: int, most_bytes: int, most_wait_s: float) -> None:
        self._most_requests, self._most_bytes, self._most_wait_ns = most_requests, most_bytes, most_wait_s * 1e9
        self.num_running = self.num_bytes = self.num_answered = 0
        self.turned_away = {"requests": 0, "bytes": 0, "time": 0, "quota": 0}
        self.busy_ns = 0  # added to by who works
        self._requests, self._calls = _Pace(), _Pace()
        self._num_calls = self._call_bytes = self._call_ns = 0
        self._lock = threading.Lock()

    def why_not(self, num_bytes: int) -> str:
        """ "" where one more is let in, which `num_running` counts already; else which bound it is. Cost: 0.1 us."""
        running = self.num_running + self._num_calls
        if running > self._most_requests:
            return "requests"
        if self.num_bytes + self._call_bytes + num_bytes > self._most_bytes:
            return "bytes"
        if running <= _ALWAYS:
            return ""
        most_ns = self._most_wait_ns if running > _FEW else _PATIENCE * self._most_wait_ns
        return "time" if self._expected_ns > most_ns else ""

    def answered(self) -> None:
        """One of the loop's was answered. Cost: 0.2 us, and a microsecond every 16 of them."""
        self.busy_ns = self._requests.answered(self.busy_ns)

    def enter(self) -> str:
        """Have a thread's call let in, and counted; else which bound it is, as `why_not` says. Of any thread."""
        with self._lock:
            self._num_calls += 1
            reason = self.why_not(0)
            if reason:
                self._num_calls -= 1
                self.turned_away[reason] += 1
            return reason

    def take(self, num_bytes: int) -> bool:
        """Whether there is room for the body of one that entered; `leave` is told of it. Of any thread."""
        with self._lock:
            if self.num_bytes + self._call_bytes + num_bytes > self._most_bytes:
                self.turned_away["bytes"] += 1
                return False
            self._call_bytes += num_bytes
            return True

    def leave(self, num_bytes: int, worked_ns: int) -> None:
        """One that entered is done; what of its body was taken, and the processor's time that answering it took."""
        with self._lock:
            self._num_calls -= 1
            self._call_bytes -= num_bytes
            if worked_ns:
                self._call_ns = self._calls.answered(self._call_ns + worked_ns)

    def turn_away(self, reason: str) -> None:
        """Count one that was turned away. Of any thread."""
        with self._lock:
            self.turned_away[reason] += 1

    @property
    def num_under_way(self) -> int:
        """How many are, those on threads among them."""
        return self.num_running + self._num_calls

    @property
    def _expected_ns(self) -> float:
        return self.num_running * self._requests.each_ns + self._num_calls * self._calls.each_ns

    @property
    def is_crowded(self) -> bool:
        """Whether what is under way takes so long that it takes turns: newcomers hear soon that the house is full."""
        return self.num_running > _ALWAYS and self._expected_ns > _CROWDED_NS

    @property
    def num_at_once(self) -> int:
        """How many may have their turn before the loop looks for newcomers."""
        return max(1, int(_TURN_NS / max(1.0, self._requests.each_ns)))

    @property
    def wait_s(self) -> float:
        """How long what is under way is expected to take."""
        return self._expected_ns / 1e9


def read_quota(text: str) -> tuple[str, float]:
    """A quota as the setting has it: of whom, and how many requests a second.

    >>> read_quota("late: 100")
    ('late', 100.0)
    >>> read_quota("token reports: 0.5")
    ('token reports', 0.5)
    """
    name, _, rate = text.rpartition(":")
    try:
        found = float(rate)
    except ValueError:
        found = math.nan
    name = " ".join(name.split())
    if not name or not 0.0 < found < 1e9:
        raise InvalidInput(
            f"quota {text[:100]!r}",
            where="setting quotas",
            expected='"ENDPOINT: REQUESTS_PER_SECOND" or "token NAME: REQUESTS_PER_SECOND"',
        )
    return name, found


class _Bucket:
    __slots__ = ("_depth", "_level", "_rate", "_seen_ns")

    def __init__(self, rate: float) -> None:
        self._rate, self._depth = rate / 1e9, max(1.0, rate)
        self._level, self._seen_ns = self._depth, perf_counter_ns()

    def take(self, now_ns: int) -> float:
        """0 where there is one to take, else in how many seconds there will be."""
        level = min(self._depth, self._level + (now_ns - self._seen_ns) * self._rate)
        self._seen_ns = now_ns
        if level >= 1.0:
            self._level = level - 1.0
            return 0.0
        self._level = level
        return (1.0 - level) / self._rate / 1e9


class Quotas:
    """How many requests a second each endpoint and each caller may make, in one worker.

    Parameters
    ----------
    quotas : iterable of str
        As `read_quota` reads them.
    num_workers : int
        Among whom the rates are shared out.

    >>> quotas = Quotas(["late: 1"], num_workers=1)
    >>> quotas.take("late")
    >>> quotas.take("early")
    >>> quotas.take("late")
    Traceback (most recent call last):
        ...
    headrace.errors.TooManyRequests: the quota of late is used up: 1 a second; come back in 1 s
    """

    def __init__(self, quotas: Iterable[str], *, num_workers: int) -> None:
        self._rates = dict(map(read_quota, quotas))
        self._lock = threading.Lock()  # the loop and the threads of gRPC take of the same buckets
        self._buckets: dict[str, Any] = {name: _Bucket(rate / num_workers) for name, rate in self._rates.items()}

    def take(self, endpoint: str, caller: str = "") -> None:
        """Count one request. Raises TooManyRequests with status 429 where none is left. Of any thread."""
        for name in (endpoint, f"token {caller}") if caller else (endpoint,):
            bucket = self._buckets.get(name)
            if bucket is not None:
                with self._lock:
                    wait_s = bucket.take(perf_counter_ns())
                if wait_s:
                    raise TooManyRequests(
                        f"the quota of {name} is used up: {self._rates[name]:g} a second",
                        retry_after_s=wait_s,
                        status=429,
                        fix=f"come back in {math.ceil(wait_s)} s",
                    )

"""The reward log: rewards on the disk before anybody is told that they are recorded.

    rewards/<endpoint>/<YYYY-MM-DDTHH>/*.parquet        request_id, event_time_us, reward, reward_time_us

Segments and Parquet files are those of the request log. A thread of the worker writes what came while the last write
ran, in one piece: rewards that come together share one fsync, and requests never wait for any.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from headrace.canonical import to_canonical
from headrace.errors import StoreError
from headrace.progress import say
from headrace.serving._contract import Answer
from headrace.serving._segments import Segment, hour_of

__all__ = ["SCHEMA", "RewardLog"]

_TIME = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        ("request_id", pa.string()),
        ("event_time_us", _TIME),  # when we were told
        ("reward", pa.float64()),
        ("reward_time_us", _TIME),  # when it came about, as the client says; null where it does not
    ],
    metadata={b"headrace": to_canonical({"format": 1, "kind": "reward"})},
)
_MAX_SEGMENT_BYTES = 32 << 20
_MOST_WAITING = 200_000

# (endpoint, request id, reward, when it came about or None)
Row = tuple[str, str, float, int | None]


class RewardLog:
    """The rewards of one worker.

    Parameters
    ----------
    rewards : Path
        The home's `rewards` folder.
    loop : callable
        The loop on which answers are awaited.
    """

    def __init__(self, rewards: Path, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._rewards, self._loop = rewards, loop
        self._condition = threading.Condition()
        self._waiting: list[tuple[Sequence[Row], int, asyncio.AbstractEventLoop, asyncio.Future[Answer]]] = []
        self._num_waiting = 0
        self._segments: dict[str, Segment] = {}
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def take(self, rows: Sequence[Row]) -> Awaitable[Answer]:
        """Have rewards written; the answer is ready when they are on the disk, or the disk has refused."""
        return self._take(rows)

    async def _take(self, rows: Sequence[Row]) -> Answer:
        loop = self._loop()
        done: asyncio.Future[Answer] = loop.create_future()
        with self._condition:
            if self._is_closing or self._num_waiting + len(rows) > _MOST_WAITING:
                return Answer(503, b'{"error":"too many rewards wait to be written: tell it again in a second"}')
            self._waiting.append((rows, time.time_ns() // 1000, loop, done))
            self._num_waiting += len(rows)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="reward log", daemon=True)
                self._thread.start()
            self._condition.notify()
        return await done

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._is_closing:
                    self._condition.wait()
                waiting, self._waiting, self._num_waiting = self._waiting, [], 0
            if not waiting:
                return
            by_endpoint: dict[str, list[tuple[str, int, float, int | None]]] = {}
            for rows, now_us, _, _ in waiting:
                for endpoint, request_id, reward, time_us in rows:
                    by_endpoint.setdefault(endpoint, []).append((request_id, now_us, reward, time_us))
            problem = ""
            for endpoint, found in by_endpoint.items():
                problem = self._write(endpoint, found) or problem
            for rows, _, loop, done in waiting:
                answer = Answer(200, orjson.dumps({"recorded": len(rows)}))
                if problem:
                    answer = Answer(503, orjson.dumps({"error": f"not recorded: {problem}"}))
                loop.call_soon_threadsafe(_settle, done, answer)

    def _write(self, endpoint: str, rows: list[tuple[str, int, float, int | None]]) -> str:
        """Have rows on the disk; what went wrong, in one line, or ""."""
        hour = hour_of(rows[-1][1])
        segment = self._segments.get(endpoint)
        try:
            if segment is not None and (segment.hour != hour or segment.size_bytes > _MAX_SEGMENT_BYTES):
                del self._segments[endpoint]
                segment.close()
                segment = None
            if segment is None:
                segment = Segment(self._rewards, SCHEMA, endpoint=endpoint, version=0, hour=hour)
                self._segments[endpoint] = segment
            columns = zip(*rows, strict=True)
            arrays = [pa.array(list(values), field.type) for values, field in zip(columns, SCHEMA, strict=True)]
            segment.add(pa.RecordBatch.from_arrays(arrays, schema=SCHEMA))
            segment.sync()
        except (StoreError, OSError) as error:
            say(f"the reward log cannot be written: {error}")
            broken = self._segments.pop(endpoint, None)
            if broken is not None:
                broken.close(is_whole=False)
            return "the disk refuses"
        return ""

    def close(self) -> None:
        """Write what waits and close the segments."""
        with self._condition:
            self._is_closing = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()
        for segment in self._segments.values():
            try:
                segment.close()
            except StoreError as error:
                say(f"the reward log: {error}")
        self._segments.clear()


def _settle(done: asyncio.Future[Any], answer: Answer) -> None:
    if not done.done():
        done.set_result(answer)

"""The request log: what was asked and what was answered, written down without anybody waiting for it.

The request path leaves an entry in a bounded queue and goes on; a thread of the worker turns entries into Arrow and
appends them to segments (`_segments`), at least every half second and on the disk when that is over. So a worker that
is killed loses the last half second and what was being written. When the queue is full, or the disk refuses, rows are
dropped, never requests: how many is counted, and written with the next row that gets through.

    requests/<endpoint>/<YYYY-MM-DDTHH>/*.parquet       hr.ingest(".../requests/late/{span}/*.parquet")
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from headrace.errors import StoreError
from headrace.progress import say
from headrace.serving._segments import Segment, hour_of
from headrace.serving.shape import Entry, to_batch

__all__ = ["RequestLog"]

_Key = tuple[Any, str]  # shape, hour

_HOUR_NS = 3_600_000_000_000
_MAX_OPEN = 4
_MAX_SEGMENT_BYTES = 32 << 20
# Python's interpreter lock is held while a batch is made: small ones, made soon, while their values are in the
# processor's cache, so that requests get their turn in between.
_BATCH_REQUESTS, _BATCH_ROWS = 512, 4096
_LOOK_S = 0.05


def _places(entries: list[Entry], offset_ns: int) -> list[tuple[_Key, list[Entry]]]:
    """The entries by shape and hour, in order."""

    def key(entry: Entry) -> tuple[Any, int]:
        return entry[0], (entry[2] + offset_ns) // _HOUR_NS

    first = key(entries[0])
    shapes = [entry[0] for entry in entries]
    if first == key(entries[-1]) and shapes.count(shapes[0]) == len(shapes):
        groups = [(first, entries)]
    else:
        groups = [(place, list(found)) for place, found in groupby(entries, key)]
    return [((shape, hour_of(hour * _HOUR_NS // 1000)), found) for (shape, hour), found in groups]


def _cut(entries: list[Entry]) -> Iterator[list[Entry]]:
    """The entries in order, so many together as have the rows of a batch; one of more rows is by itself."""
    some: list[Entry] = []
    num_rows = 0
    for entry in entries:
        if some and (len(some) == _BATCH_REQUESTS or num_rows + entry[-1] > _BATCH_ROWS):
            yield some
            some, num_rows = [], 0
        some.append(entry)
        num_rows += entry[-1]
    if some:
        yield some


class RequestLog:
    """The log of one worker.

    Parameters
    ----------
    requests : Path
        The home's `requests` folder.
    sample : float
        The share of requests whose inputs are written (0..1), drawn from the request's id.
    queue_rows : int
        How many rows may wait.
    flush_s : float
        How often they are written, in seconds.

    `close` writes what waits. Nothing here raises on the request path.
    """

    def __init__(self, requests: Path, *, sample: float = 1.0, queue_rows: int = 50_000, flush_s: float = 0.5) -> None:
        self._requests, self._sample, self._queue_rows, self._flush_s = requests, sample, queue_rows, flush_s
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._num_waiting = 0
        self._num_lost = 0  # dropped, and not yet written down as such
        self.num_dropped = 0
        self._segments: dict[_Key, Segment] = {}
        # Rows handed to a segment since it was on the disk last, and how many lost ones they were to tell of.
        self._given: dict[_Key, tuple[int, int]] = {}
        self._is_failing = False
        self._wake = threading.Event()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="request log", daemon=True)
        self._thread.start()

    def take(self, entry: Entry) -> None:
        """Take one answered request. Cost: 0.3 us; nothing is copied, so its arrays are no longer the caller's."""
        num_rows = entry[-1]
        with self._lock:
            if self._num_waiting + num_rows <= self._queue_rows:
                self._num_waiting += num_rows
                self._entries.append(entry)
            else:
                self._num_lost += num_rows
                self.num_dropped += num_rows

    def _run(self) -> None:
        due = time.monotonic() + self._flush_s
        while not self._is_closing:
            self._wake.wait(min(_LOOK_S, self._flush_s))
            if time.monotonic() >= due:
                self.flush()
                due = time.monotonic() + self._flush_s
            elif self._num_waiting >= _BATCH_REQUESTS:
                self._convert()

    def flush(self) -> None:
        """Have all that waits on the disk, and close segments that are done. Called by the log's own thread."""
        self._convert()
        for place in list(self._given):
            try:
                self._segments[place].sync()
                del self._given[place]
                self._is_failing = False
            except Exception as error:
                self._fail(place, error)
        self._retire()

    def _convert(self) -> None:
        """Hand what waits to its segments, in memory."""
        with self._lock:
            entries, self._entries, self._num_waiting = self._entries, [], 0
            lost, self._num_lost = self._num_lost, 0
        offset_ns = time.time_ns() - time.perf_counter_ns()
        for some in _cut(entries):
            for place, found in _places(some, offset_ns):
                number, carried = self._given.get(place, (0, 0))
                self._given[place] = (number + sum([entry[-1] for entry in found]), carried + lost)
                try:
                    batch = to_batch(found, offset_ns=offset_ns, sample=self._sample, num_dropped=lost)
                    self._segment(place).add(batch)
                except Exception as error:
                    # Whatever it is, requests are answered: what cannot be written is counted.
                    self._fail(place, error)
                lost = 0
        with self._lock:
            self._num_lost += lost

    def _segment(self, place: _Key) -> Segment:
        segment = self._segments.pop(place, None)
        if segment is None:
            shape, hour = place
            segment = Segment(self._requests, shape.schema, endpoint=shape.endpoint, version=shape.version, hour=hour)
        self._segments[place] = segment  # the last in the dict is the last that was used
        return segment

    def _fail(self, place: _Key, error: Exception) -> None:
        """Count what a segment was given and has not on the disk, and close it with what it has."""
        number, carried = self._given.pop(place, (0, 0))
        with self._lock:
            self._num_lost += number + carried
            self.num_dropped += number
        segment = self._segments.pop(place, None)
        if segment is not None:
            segment.close(is_whole=False)
        if not self._is_failing:
            self._is_failing = True
            say(f"the request log cannot be written, rows are dropped and counted: {error}")

    def _retire(self) -> None:
        """Close segments whose hour is over, that are large, or that others have pushed out."""
        now = hour_of(time.time_ns() // 1000)
        num_spare = len(self._segments) - _MAX_OPEN
        for number, (place, segment) in enumerate(list(self._segments.items())):
            is_done = self._is_closing or segment.hour < now or segment.size_bytes > _MAX_SEGMENT_BYTES
            if is_done or number < num_spare:
                del self._segments[place]
                try:
                    segment.close()
                except StoreError as error:
                    say(f"the request log: {error}")

    def close(self) -> None:
        """Write what waits and close the segments; what comes after this is dropped."""
        self._is_closing = True
        self._wake.set()
        self._thread.join()
        self.flush()

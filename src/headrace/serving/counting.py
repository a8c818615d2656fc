"""Counting: what each worker answered, in a place that every worker can read, so that a scrape is of the whole server.

Workers share a port, so that a scrape reaches any one of them. If each told its own figures, or what it had heard of
the others a second ago, a counter would go back from one scrape to the next, and every rate made of it would be wrong.
Here each worker adds to a file of its own that is mapped into memory, and whoever is asked adds up the files of all as
they are in that moment: figures only grow, whoever answers. A worker that is killed loses nothing it counted, and the
one that takes its place goes on in the same file.

A file is a row of blocks of 1,024 bytes: 512 for what is counted, as JSON, and 64 integers of 64 bits.
"""

from __future__ import annotations

import json
import mmap
import os
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

__all__ = ["BOUNDS_S", "REASONS", "STATUSES", "Counter", "Counters", "read_counters"]

STATUSES = (200, 400, 401, 404, 413, 429, 499, 500, 503, 504)
BOUNDS_S = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
)  # fmt: skip
# Why rows were refused, or marked, by the schema of the model they were for.
REASONS = ("range", "unseen", "missing", "type", "column", "other")

_BOUNDS_NS = tuple(int(bound * 1e9) for bound in BOUNDS_S)
_PLACE_OF = {status: place for place, status in enumerate(STATUSES)}
_OTHER = len(STATUSES)
ROWS, LATENCY_NS, MODEL_NS, RUNS = 12, 13, 14, 15
FIRST_BIN = 16  # 17 of them
FIRST_REFUSED = 34
FIRST_MARKED = 42
# A worker's own block.
BEAT_MS, RUNNING, LOG_DROPPED, LOADED, NOT_LOADED, STARTS, FIRST_TURNED_AWAY = 0, 1, 2, 3, 4, 5, 8
TURNED_AWAY = ("requests", "bytes", "time", "quota")

_BLOCK, _NAME, _CELLS = 1024, 512, 64
_MOST_BLOCKS = 1024


class Counter:
    """64 integers of one block, which only this worker writes."""

    __slots__ = ("cells",)

    def __init__(self, cells: Any) -> None:
        self.cells = cells

    def answer(self, status: int, num_rows: int, latency_ns: int) -> None:
        """Count one answered request. Cost: 0.4 us."""
        cells = self.cells
        cells[_PLACE_OF.get(status, _OTHER)] += 1
        cells[ROWS] += num_rows
        cells[LATENCY_NS] += latency_ns
        cells[FIRST_BIN + bisect_left(_BOUNDS_NS, latency_ns)] += 1

    def run(self, took_ns: int) -> None:
        """Count one run of the model."""
        self.cells[MODEL_NS] += took_ns
        self.cells[RUNS] += 1

    def refuse(self, reason: str, num_rows: int = 1) -> None:
        """Count rows that were refused by the schema."""
        self.cells[FIRST_REFUSED + REASONS.index(reason if reason in REASONS else "other")] += num_rows

    def mark(self, reason: str, num_rows: int = 1) -> None:
        """Count rows that are not of the schema and were answered."""
        self.cells[FIRST_MARKED + REASONS.index(reason if reason in REASONS else "other")] += num_rows


class Counters:
    """The counters of one worker.

    Parameters
    ----------
    folder : Path or None
        Where the workers' files are; None = in memory, for nobody to read.
    worker : int
        Its number.

    >>> counters = Counters(None, 0)
    >>> counters.of("late", 1).answer(200, 1, 1_000_000)
    >>> counters.of("late", 1).cells[ROWS]
    1
    """

    def __init__(self, folder: Path | None, worker: int) -> None:
        self._known: dict[tuple[str, int, str], Counter] = {}
        self._blocks: dict[bytes, int] = {}
        self._told: dict[int, int] = {}
        size = _BLOCK * _MOST_BLOCKS
        if folder is None:
            self._memory = mmap.mmap(-1, size)
        else:
            descriptor = os.open(folder / f"worker-{worker}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.ftruncate(descriptor, size)
                self._memory = mmap.mmap(descriptor, size)
            finally:
                os.close(descriptor)
        self._cells = memoryview(self._memory).cast("q")
        while (name := _name(self._memory, len(self._blocks))) is not None:
            self._blocks[name] = len(self._blocks)
        self.worker = self._block({"worker": worker})
        for place in (RUNNING, BEAT_MS):
            self.worker.cells[place] = 0  # of the one before us
        self.worker.cells[STARTS] += 1

    def _block(self, labels: Mapping[str, Any]) -> Counter:
        name = json.dumps(labels, sort_keys=True).encode()
        place = self._blocks.get(name)
        if place is None:
            if len(self._blocks) >= _MOST_BLOCKS - 1 or len(name) > _NAME - 2:
                name, place = b'{"other": true}', self._blocks.get(b'{"other": true}')
            if place is None:
                place = self._blocks[name] = len(self._blocks)
                start = place * _BLOCK
                self._memory[start + 2 : start + 2 + len(name)] = name
                # Last, so that whoever reads meanwhile sees a whole name or none.
                self._memory[start : start + 2] = len(name).to_bytes(2, "little")
        first = (place * _BLOCK + _NAME) // 8
        return Counter(self._cells[first : first + _CELLS])

    def of(self, endpoint: str, version: int, arm: str = "") -> Counter:
        """The counter of a version's answers. Cost: 0.1 us.

        Parameters
        ----------
        endpoint, version : str, int
            What answered.
        arm : str
            "" where the endpoint's traffic is not divided, else "chosen" by a table, or "shadow".
        """
        key = (endpoint, version, arm)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._block({"endpoint": endpoint, "version": str(version), "arm": arm})
        return found

    def beat(self, *, num_running: int, num_dropped: int, turned_away: Mapping[str, int]) -> None:
        """Write down how the worker is."""
        cells = self.worker.cells
        cells[BEAT_MS] = time.time_ns() // 1_000_000
        cells[RUNNING] = num_running
        places = {LOG_DROPPED: num_dropped}
        places |= {FIRST_TURNED_AWAY + place: turned_away.get(name, 0) for place, name in enumerate(TURNED_AWAY)}
        for place, total in places.items():
            # What the worker before us counted stays.
            cells[place] += total - self._told.get(place, 0)
            self._told[place] = total


def _name(memory: Any, place: int) -> bytes | None:
    start = place * _BLOCK
    if start + _BLOCK > len(memory):
        return None
    size = int.from_bytes(memory[start : start + 2], "little")
    return bytes(memory[start + 2 : start + 2 + size]) if 0 < size <= _NAME - 2 else None


def read_counters(folder: Path) -> Iterable[tuple[dict[str, Any], list[int]]]:
    """(What is counted, its 64 integers) of every worker there was, as they are now; blocks of the same come once each.

    Cost: about 5 us a block.
    """
    for path in sorted(folder.glob("worker-*")):
        with path.open("rb") as file:
            memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        place = 0
        while (name := _name(memory, place)) is not None:
            start = place * _BLOCK + _NAME
            cells = memoryview(memory)[start : start + _CELLS * 8].cast("q")
            yield json.loads(name), cells.tolist()
            cells.release()
            place += 1

"""What is measured while a trainer fits, as records: one line of JSON each, in a file that can be followed.

    {"time_us": ..., "kind": "begin", "attempt_id": ..., "step": ..., "inputs": {...}, "host": ..., "pid": ...}
    {"time_us": ..., "kind": "parameters", "trainer": "XGBoost", "max_depth": 8, ...}
    {"time_us": ..., "kind": "data", "num_rows": ..., "num_features": ..., "parts": {"2013-01/train": digest}, ...}
    {"time_us": ..., "kind": "step", "step": 12, "values": {"train": 0.31}, "seconds": ..., "steps_per_s": ...,
     "rss_mb": ...}
    {"time_us": ..., "kind": "model", "digest": ..., "num_steps": ..., "seconds": ..., "peak_rss_mb": ...}

They are measurements of one attempt: no byte of them is in the model. A file that cannot be written stops no fit.
"""

from __future__ import annotations

import json
import math
import os
import resource
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from headrace import disk, progress
from headrace.errors import StoreError
from headrace.training._contract import Journal
from headrace.training.events import EventFile

__all__ = ["Recorder", "read_records"]

_PAGE_BYTES = resource.getpagesize()


class Recorder(Journal):
    """A journal that writes down what it is told, when, how fast it goes and how much memory is used.

    Parameters
    ----------
    path : Path
        The file of records; lines are added to what is there (an earlier attempt's).
    events : Path or None
        A folder for TensorBoard's event files; None = none.
    **begin
        What the first record holds: attempt_id, step, inputs.

    Cost: about 0.1 ms a report, 0.2 ms with events.
    """

    def __init__(self, path: Path, *, events: Path | None = None, **begin: Any) -> None:
        self._path = path
        self._is_broken = False
        self._started = self._before = time.monotonic()
        self._step: int | None = None
        self._events = None if events is None else EventFile(events)
        self.note("begin", {**begin, "host": socket.gethostname(), "pid": os.getpid()})

    def note(self, kind: str, values: Mapping[str, Any]) -> None:
        """Write one record. Values are plain data; NaN and infinities are written as texts."""
        record = {"time_us": time.time_ns() // 1000, "kind": kind, **values}
        self._write(lambda: disk.append(self._path, json.dumps(_strict(record)).encode() + b"\n"))
        self._before = time.monotonic()  # a step's rate is told of the time since the record before it

    def report(self, step: int, values: Mapping[str, float]) -> bool:
        """Write a record of the step; never stops the trainer."""
        now = time.monotonic()
        last = -1 if self._step is None else self._step
        speed = max(0, step - last) / max(now - self._before, 1e-9)
        self._step = step
        measured = {"seconds": now - self._started, "steps_per_s": speed, "rss_mb": resident_mb()}
        rounded = {name: float(f"{value:.4g}") for name, value in measured.items()}
        self.note("step", {"step": step, "values": dict(values), **rounded})
        events = self._events
        if events is not None:
            told = {**values, **{f"process/{name}": value for name, value in measured.items() if name != "seconds"}}
            self._write(lambda: events.add(step, told))
        return True

    def measured(self) -> dict[str, Any]:
        """The fit in short: steps, seconds, the most memory used in MiB."""
        return {
            "num_steps": 0 if self._step is None else self._step + 1,
            "seconds": round(time.monotonic() - self._started, 3),
            "peak_rss_mb": round(peak_mb(), 1),
        }

    def _write(self, write: Any) -> None:
        if self._is_broken:
            return
        try:
            write()
        except StoreError as error:
            self._is_broken = True
            progress.say(f"what is measured is not recorded: {error}")


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of a file, in the order written; a torn last line is left out, a file that is not there has none."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # torn by a kill, with another attempt's records behind it
            continue
        if isinstance(record, dict):
            yield record


def resident_mb() -> float:
    """Memory of this process now, in MiB; its most so far where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES / (1 << 20)
    except (OSError, IndexError, ValueError):
        return peak_mb()


def peak_mb() -> float:
    """The most memory of this process so far, in MiB."""
    # https://man7.org/linux/man-pages/man2/getrusage.2.html: kilobytes; macOS counts bytes
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / (1 << 20)


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value

"""The caller's side of the workers: started through the foreman, watched, ended at a trial's time-out, replaced."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.errors import StepFailed
from headrace.store import Store

__all__ = ["run_trials"]

_MOST_DEATHS = 5  # of workers that had no trial in hand, with none ended meanwhile

# Set before the foreman imports anything, so that it has one thread when it forks. OpenBLAS starts its threads when it
# is loaded, Arrow's jemalloc its purge thread.
# https://github.com/OpenMathLib/OpenBLAS/blob/develop/USAGE.md, https://arrow.apache.org/docs/cpp/memory.html
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


@dataclass
class _Worker:
    trial: int | None = None
    began: float = 0.0
    is_ended: bool = False


def run_trials(
    store: Store, study: str, call: dict[str, Any], *, workers: int, timeout_s: float | None
) -> Iterator[int]:
    """Have a study's trials done by `workers` processes; yields the number of each trial that ends.

    A trial that runs over `timeout_s` is counted as failed and its process killed; one whose process dies is taken
    again. Raises StepFailed where processes die before they take a trial. However it ends, no process is left.
    """
    crew = _Crew(store, study, call, timeout_s)
    try:
        yield from crew.run(workers)
    finally:
        crew.close()


class _Crew:
    def __init__(self, store: Store, study: str, call: dict[str, Any], timeout_s: float | None) -> None:
        self._store, self._study, self._timeout_s = store, study, timeout_s
        self._workers: dict[int, _Worker] = {}
        self._num_started = self._num_deaths = 0
        self._error = ""
        self._pending = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "headrace.tuning._foreman"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
        )
        self._send(call)

    def run(self, workers: int) -> Iterator[int]:
        """Until every worker has ended because nothing was left."""
        for _ in range(workers):
            self._start()
        assert self._process.stdout is not None
        output = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while self._workers:
                if selector.select(self._wait()):
                    data = os.read(output, 65536)
                    if not data:
                        raise StepFailed(self._why(self._process.wait()), where="the process that starts workers")
                    yield from self._hear(data)
                yield from self._end_late()

    def close(self) -> None:
        """End the foreman, and with it the workers."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the end of its output says why
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()

    def _start(self) -> None:
        self._num_started += 1
        self._workers[self._num_started] = _Worker()
        self._send({"start": self._num_started})

    def _hear(self, data: bytes) -> Iterator[int]:
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            worker = self._workers.get(message.get("worker"))
            if "error" in message:
                self._error = message["error"]
            elif worker is None:
                continue
            elif "began" in message:
                worker.trial, worker.began = message["began"], time.monotonic()
            elif "ended" in message:
                worker.trial, self._num_deaths = None, 0
                yield message["ended"]
            else:
                self._bury(message["worker"], message["died"])

    def _bury(self, number: int, status: int) -> None:
        worker = self._workers.pop(number)
        if status == 0:
            return
        if worker.trial is None and not worker.is_ended:
            self._num_deaths += 1
            if self._error or self._num_deaths >= _MOST_DEATHS:
                raise StepFailed(self._why(status), where="a process that runs trials")
        self._start()

    def _wait(self) -> float | None:
        if self._timeout_s is None:
            return None
        began = [worker.began for worker in self._workers.values() if worker.trial is not None]
        left = [at + self._timeout_s - time.monotonic() for at in began]
        return max(0.0, min(left)) if left else None

    def _end_late(self) -> Iterator[int]:
        for number, worker in list(self._workers.items()):
            if self._timeout_s is None or worker.trial is None or time.monotonic() < worker.began + self._timeout_s:
                continue
            trial, worker.trial = worker.trial, None
            # Counted before it is killed: nobody may take it again in between.
            reason = f"ran over timeout_s = {self._timeout_s:g} s and was ended"
            if self._store.fail_trial(self._study, trial, reason):
                worker.is_ended = True
                self._send({"kill": number})
                yield trial

    def _why(self, status: int) -> str:
        if self._error:
            return self._error
        return f"it died by {signal.Signals(-status).name}" if status < 0 else f"it ended with status {status}"

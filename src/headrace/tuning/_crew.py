"""The processes that work on a study: started, watched, stopped at a trial's time-out, replaced when they die."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from headrace.errors import StepFailed
from headrace.store import Store

__all__ = ["run_trials"]

_MOST_IDLE_DEATHS = 3


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    trial: int | None = None
    began: float = 0.0
    pending: bytes = b""
    errors: list[str] = field(default_factory=list)

    @property
    def output(self) -> Any:
        return self.process.stdout


def run_trials(
    store: Store, study: str, most: int, call: dict[str, Any], *, workers: int, timeout_s: float | None
) -> Iterator[int]:
    """Have a study's trials done by `workers` processes; yields the number of each that ends.

    A trial that runs over `timeout_s` is counted as failed and its process killed; one whose process dies is taken
    again. Raises StepFailed where processes die before they take a trial. Ends, however it ends, with no process left.
    """
    selector = selectors.DefaultSelector()
    crew: list[_Worker] = []
    idle_deaths = 0
    try:
        crew.extend(_start(call, selector) for _ in range(workers))
        while crew:
            for key, _ in selector.select(_wait(crew, timeout_s)):
                worker: _Worker = key.data
                data = os.read(worker.output.fileno(), 65536)
                if data:
                    yield from _hear(worker, data)
                    continue
                selector.unregister(worker.output)
                crew.remove(worker)
                worker.output.close()
                status = worker.process.wait()
                if status == 0:
                    continue
                if worker.trial is None:
                    idle_deaths += 1
                if worker.errors or idle_deaths >= _MOST_IDLE_DEATHS:
                    raise StepFailed(_why(worker, status), where="a process that runs trials")
                crew.append(_start(call, selector))
            yield from _end_late(crew, store, study, timeout_s)
    finally:
        for worker in crew:
            worker.process.kill()
        for worker in crew:
            worker.process.wait()
            worker.output.close()
            assert worker.process.stdin is not None
            worker.process.stdin.close()
        selector.close()


def _start(call: dict[str, Any], selector: selectors.BaseSelector) -> _Worker:
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.tuning._trial_worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(call).encode() + b"\n")
    process.stdin.flush()
    worker = _Worker(process)
    selector.register(worker.output, selectors.EVENT_READ, worker)
    return worker


def _hear(worker: _Worker, data: bytes) -> Iterator[int]:
    *lines, worker.pending = (worker.pending + data).split(b"\n")
    for line in lines:
        message = json.loads(line)
        if "began" in message:
            worker.trial, worker.began = message["began"], time.monotonic()
        elif "ended" in message:
            worker.trial = None
            yield message["ended"]
        else:
            worker.errors.append(message["error"])


def _wait(crew: list[_Worker], timeout_s: float | None) -> float | None:
    if timeout_s is None:
        return None
    left = [worker.began + timeout_s - time.monotonic() for worker in crew if worker.trial is not None]
    return max(0.0, min(left)) if left else None


def _end_late(crew: list[_Worker], store: Store, study: str, timeout_s: float | None) -> Iterator[int]:
    for worker in crew:
        if timeout_s is None or worker.trial is None or time.monotonic() < worker.began + timeout_s:
            continue
        number, worker.trial = worker.trial, None
        # Counted before it is killed: nobody may take it again in between.
        if store.fail_trial(study, number, f"ran over timeout_s = {timeout_s:g} s and was ended"):
            worker.process.kill()  # the end of its output is heard next, and another is started
            worker.trial = number
            worker.began = float("inf")
            yield number


def _why(worker: _Worker, status: int) -> str:
    if worker.errors:
        return worker.errors[-1]
    return f"it died by {signal.Signals(-status).name}" if status < 0 else f"it ended with status {status}"

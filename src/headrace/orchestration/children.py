"""The runner's side of step processes: start them through the zygote, hear how they ended, stop them."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from headrace.errors import StepFailed
from headrace.orchestration.early import launch, take
from headrace.progress import Done

if TYPE_CHECKING:
    from headrace.store import Store

__all__ = ["Children", "Ended", "Forked", "Inline", "ZygoteDied", "proof_environment", "spare_runner"]


# HEADRACE_KILL_AT (store.points) as the runner found it, taken out of its own environment.
_proof: dict[str, str] = {}


def spare_runner() -> None:
    """For `proofs/kill.py`: with HEADRACE_KILL_WHO=worker the runner itself passes all named points unharmed."""
    if os.environ.get("HEADRACE_KILL_WHO") == "worker" and "HEADRACE_KILL_AT" in os.environ:
        _proof["HEADRACE_KILL_AT"] = os.environ.pop("HEADRACE_KILL_AT")


def proof_environment() -> dict[str, str]:
    """What the zygote gets of it; with HEADRACE_KILL_WHO=runner a worker at the point kills its runner."""
    if os.environ.get("HEADRACE_KILL_WHO") == "runner":
        return {"HEADRACE_KILL_PID": str(os.getpid())}
    return _proof


class ZygoteDied(StepFailed):
    """The process that starts steps was killed: nobody's code is at fault, and the run can go on."""


@dataclass(frozen=True)
class Ended:
    """How one call ended: its answer when there is one, else the signal or exit status of its process."""

    step: str
    answer: dict[str, Any] | None
    signal: int = 0
    status: int = 0


class Children(Protocol):
    """Runs calls (`headrace.orchestration.worker`), several at once where it can.

    `progress` holds how far a running step is, where it has said so.
    """

    progress: dict[str, Done]

    def start(self, step: str, call: dict[str, Any], log: Path) -> None:
        """Start a call; its standard output and error go to `log`."""

    def wait(self, timeout_s: float) -> list[Ended]:
        """The calls that have ended; waits at most so long for one."""

    def stop(self, step: str) -> None:
        """Kill a running call and all it started."""

    def close(self) -> None:
        """Kill what runs and end."""


class Forked:
    """Each call in a process of its own, forked from the zygote, which is started with the first call.

    Parameters
    ----------
    file : Path or None
        The pipeline's file: imported once, in the zygote.
    log : Path
        Where the zygote's own output goes.
    modules : sequence of str
        What to import besides, before the first fork.
    later : sequence of str
        What to import when there is nothing else to do.
    sources : mapping of path to sha256
        The source files as the plan read them; one that differs now is refused.
    """

    def __init__(
        self,
        file: Path | None,
        log: Path,
        *,
        modules: Sequence[str] = (),
        later: Sequence[str] = (),
        sources: Mapping[str, str] | None = None,
    ) -> None:
        self._file, self._log = file, log
        self._modules, self._later, self._sources = list(modules), list(later), dict(sources or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._buffer = b""
        self.is_ready = False
        self.progress: dict[str, Done] = {}
        self._selector = selectors.DefaultSelector()

    def prepare(self) -> None:
        """Start the zygote; it imports while we go on. `is_ready` turns True in some later `wait`."""
        if self._process is not None:
            return
        found = take()
        if found is None:
            with self._log.open("ab") as log:
                found = launch(proof_environment(), log.fileno())
        self._process, self._socket = found
        self._selector.register(self._socket, selectors.EVENT_READ)
        self._send(
            {
                "prepare": {
                    "path": sys.path,
                    "log": str(self._log),
                    "file": None if self._file is None else str(self._file),
                    "modules": self._modules,
                    "later": self._later,
                    "sources": self._sources,
                }
            }
        )

    def start(self, step: str, call: dict[str, Any], log: Path) -> None:
        """See Children."""
        self.prepare()
        self._send({"start": step, "call": call, "log": str(log)})

    def wait(self, timeout_s: float) -> list[Ended]:
        """See Children. Raises StepFailed when the zygote cannot import the pipeline's file, or died."""
        ended: list[Ended] = []
        deadline = time.monotonic() + timeout_s
        while not ended:
            left = deadline - time.monotonic()
            if left < 0 or not self._selector.select(left):
                break
            ended += [item for message in self._receive() if (item := self._handle(message)) is not None]
        return ended

    def stop(self, step: str) -> None:
        """See Children."""
        if self._socket is not None:
            self._send({"kill": step})

    def close(self) -> None:
        """See Children."""
        if self._process is None or self._socket is None:
            return
        self._selector.close()
        self._socket.close()  # the zygote kills its children and ends
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = self._socket = None

    def _send(self, message: dict[str, Any]) -> None:
        assert self._socket is not None
        try:
            self._socket.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._died()

    def _receive(self) -> list[dict[str, Any]]:
        assert self._socket is not None
        try:
            data = self._socket.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._died()
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def _handle(self, message: dict[str, Any]) -> Ended | None:
        if "refused" in message:
            error = message["refused"]
            raise StepFailed(
                f"the pipeline's file cannot be imported for its steps: {error['class']}: {error['message']}",
                where=str(self._file),
                fix=error["traceback"] if not error["is_ours"] else "",
            )
        self.is_ready = self.is_ready or "ready" in message
        if "progress" in message:
            self.progress.pop(message["progress"], None)
            if message["done"] is not None:
                self.progress[message["progress"]] = Done(**message["done"])
        if "ended" in message:
            self.progress.pop(message["ended"], None)
            return Ended(message["ended"], message["answer"], message["signal"], message["status"])
        return None

    def _died(self) -> None:
        assert self._process is not None
        status = self._process.wait()
        reason = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        raise ZygoteDied(f"the process that starts steps died: {reason}", where=str(self._log), fix="headrace resume")


class Inline:
    """Each call in this process, one after the other: for a debugger, and for pipelines typed at a prompt.

    Parameters
    ----------
    store : Store
        The runner's.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ended: list[Ended] = []
        self.progress: dict[str, Done] = {}  # what runs here draws itself

    def start(self, step: str, call: dict[str, Any], log: Path) -> None:
        """See Children. Standard output stays what it is; the log is left alone."""
        from headrace.orchestration.worker import describe_error, perform

        try:
            answer = perform(call, self._store)
        except Exception as error:  # the boundary around the user's code
            answer = {"error": describe_error(error)}
        self._ended.append(Ended(step, answer))

    def wait(self, timeout_s: float) -> list[Ended]:
        """See Children."""
        ended, self._ended = self._ended, []
        return ended

    def stop(self, step: str) -> None:
        """See Children: nothing runs while the runner looks."""

    def close(self) -> None:
        """See Children."""

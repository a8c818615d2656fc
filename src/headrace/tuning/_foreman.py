"""The foreman: a process that imports once what trials need, starts no thread, and forks the workers.

    python -m headrace.tuning._foreman

    caller -> foreman  {"home", "lease_s", "study", "trials", "folder", "metric", "trainer", "path"}   first of all
                       {"start": worker}   {"kill": worker}
    foreman -> caller  {"worker": n, "began": trial}   {"worker": n, "ended": trial}   {"worker": n, "died": status}
                       {"error": "why"}   where it cannot begin

A line of JSON each, on standard input and output; what trainers print goes to standard error. When its input closes,
whoever started it is gone: it kills its workers and ends. When it is killed itself, its workers end at once.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from headrace.engine import build
from headrace.errors import HeadraceError
from headrace.store import Store
from headrace.training import Trainer
from headrace.tuning._objective import Objective
from headrace.tuning._trial_worker import work

__all__ = ["main"]


class _Foreman:
    def __init__(self, call: dict[str, Any], output: int) -> None:
        self._call, self._output = call, output
        self._objective = Objective.load(Path(call["folder"]), build(call["metric"]))
        self._trainer: Trainer = build(call["trainer"])
        self._pids: dict[int, int] = {}  # pid -> worker
        self._alive, self._held = os.pipe()  # nobody ever writes: it closes when the foreman ends

    def tell(self, message: dict[str, Any]) -> None:
        """One line; short enough to be written whole, whoever else writes."""
        os.write(self._output, json.dumps(message).encode()[:4000] + b"\n")

    def serve(self) -> None:
        """Do what the caller says until it hangs up."""
        wake, woken = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        pending = b""
        while True:
            for key, _ in selector.select():
                data = os.read(key.fd, 65536)
                if key.fd == wake:
                    self._reap()
                    continue
                if not data:
                    self._end_all()
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._hear(json.loads(line))

    def _hear(self, message: dict[str, Any]) -> None:
        if "start" in message:
            worker = message["start"]
            pid = os.fork()
            if pid == 0:
                self._be_worker(worker)
            self._pids[pid] = worker
        for pid, worker in self._pids.items():
            if worker == message.get("kill"):
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        for pid in list(self._pids):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self.tell({"worker": self._pids.pop(pid), "died": os.waitstatus_to_exitcode(status)})

    def _end_all(self) -> None:
        for pid in self._pids:
            os.kill(pid, signal.SIGKILL)
        for pid in self._pids:
            os.waitpid(pid, 0)

    def _be_worker(self, worker: int) -> NoReturn:
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(self._held)
            os.close(0)
            threading.Thread(target=self._end_with_foreman, daemon=True).start()
            call = self._call
            with Store.open(Path(call["home"]), lease_s=call["lease_s"]) as store:
                work(
                    store,
                    call["study"],
                    call["trials"],
                    self._objective,
                    self._trainer,
                    lambda message: self.tell({"worker": worker, **message}),
                )
            status = 0
        except Exception as error:
            self.tell({"worker": worker, "error": _words(error)})
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(status)

    def _end_with_foreman(self) -> None:
        os.read(self._alive, 1)
        os._exit(3)


def _words(error: Exception) -> str:
    return str(error) if isinstance(error, HeadraceError) else f"{type(error).__name__}: {error}"


def main() -> None:
    """Serve one caller."""
    line = b""
    while not line.endswith(b"\n"):  # byte by byte: what follows belongs to the loop
        part = os.read(0, 1)
        if not part:
            return
        line += part
    output = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not be taken for our words
    try:
        call = json.loads(line)
        sys.path[:] = call["path"]
        foreman = _Foreman(call, output)
    except Exception as error:
        os.write(output, json.dumps({"error": _words(error)}).encode() + b"\n")
        raise SystemExit(1) from error
    foreman.serve()


if __name__ == "__main__":
    main()

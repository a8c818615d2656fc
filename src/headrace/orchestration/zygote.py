"""The zygote: a process that has imported what steps need, has started no thread, and forks one child a step.

A fork costs a millisecond where a new Python costs a second of imports; but a forked child inherits no threads, only
their locks, so the zygote must never have more than one thread: it says so and refuses to fork when an import started
one. The runner starts it (`children.Forked`) and talks to it over one socket, a line of JSON a message:

    runner -> zygote  {"import": {"path": [...], "modules": [...]}}   before it is known what to prepare
                      {"prepare": {"path": [...], "log": ..., "file": ..., "modules": [...], "later": [...], ...}}
                      {"start": id, "call": {...}, "log": path}   {"kill": id}
    zygote -> runner  {"ready": pid}   {"refused": "why"}   {"started": id, "pid": pid}
                      {"progress": id, "done": {...} or null}   where the call has "tells": how far the step is
                      {"ended": id, "answer": {...} or null, "signal": n, "status": n}

When the runner dies the zygote dies (PR_SET_PDEATHSIG, or the socket's end), and its children with it; each child has
a process group of its own, and what it started is killed when it ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from headrace import progress
from headrace.errors import HeadraceError, InvalidInput, Misuse

__all__ = ["ENVIRONMENT", "main", "thread_count"]

_PR_SET_PDEATHSIG = 1
_TOLD = b"progress "  # before the answer, which is JSON, on the same pipe

# Set before anything is imported. OpenBLAS starts its threads when it is loaded, Arrow's jemalloc its purge thread.
# https://github.com/OpenMathLib/OpenBLAS/blob/develop/USAGE.md, https://arrow.apache.org/docs/cpp/memory.html
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "JE_ARROW_MALLOC_CONF": "background_thread:false"}


def thread_count() -> int:
    """Threads of this process, Python's and all others."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except OSError:
        return threading.active_count()


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends; where it cannot, the socket's end has to do."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


class _Server:
    """The zygote's loop."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._file: str | None = None
        self._selector = selectors.DefaultSelector()
        self._running: dict[int, tuple[Any, int, bytearray]] = {}  # pid -> (id, answer pipe, answer so far)
        self._later: list[str] = []
        self._alive = True

    def serve(self) -> None:
        """Answer until the runner hangs up."""
        wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._selector.register(self._connection, selectors.EVENT_READ, None)
        self._selector.register(wake_read, selectors.EVENT_READ, None)
        while self._alive:
            events = self._selector.select(0 if self._later else None)
            if not events and self._later:
                # Nobody asks for anything: import what later steps need, so that their children do not have to.
                importlib.import_module(self._later.pop(0))
            for key, _ in events:
                if key.fileobj is self._connection:
                    self._receive()
                elif key.fd == wake_read:
                    with contextlib.suppress(BlockingIOError):
                        os.read(wake_read, 4096)
                else:
                    self._collect(key.data)
            self._reap()
        for pid in self._running:
            _kill_group(pid)

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self._connection.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            self._alive = False

    def _receive(self) -> None:
        data = self._connection.recv(1 << 16)
        if not data:
            self._alive = False
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "prepare" in message:
                self._prepare(message["prepare"])
            elif "import" in message:
                sys.path[:] = message["import"]["path"]
                for name in message["import"]["modules"]:
                    with contextlib.suppress(Exception):  # it is tried again, and told, when it is prepared
                        importlib.import_module(name)
            elif "start" in message:
                self._start(message)
            elif "kill" in message:
                for pid, (identity, _, _) in self._running.items():
                    if identity == message["kill"]:
                        _kill_group(pid)

    def _prepare(self, wanted: dict[str, Any]) -> None:
        from headrace.orchestration.worker import describe_error

        sys.path[:] = wanted["path"]
        _redirect(wanted["log"])
        try:
            for name in wanted["modules"]:
                importlib.import_module(name)
            if wanted["file"] is not None:
                from headrace.orchestration.pipelines import load_file

                load_file(Path(wanted["file"]))
            for path, expected in wanted["sources"].items():
                if hashlib.sha256(Path(path).read_bytes()).hexdigest() != expected:
                    raise InvalidInput(f"{Path(path).name} was edited while the run started", fix="run again")
            self._file = wanted["file"]
            self._check_threads()
        except BaseException as error:
            self._send({"refused": describe_error(error)})
            return
        self._later = wanted["later"]
        gc.collect()
        gc.freeze()  # children share these pages until they write to them
        self._send({"ready": os.getpid()})

    def _check_threads(self) -> None:
        count = thread_count()
        if count != 1:
            raise Misuse(
                f"importing {Path(self._file or '?').name} has started {count - 1} threads",
                where=str(self._file),
                expected="imports that start none: a step's process is forked, and a fork has no threads",
                fix="start them inside the step, or run with --in-process",
            )

    def _start(self, message: dict[str, Any]) -> None:
        from headrace.orchestration.worker import describe_error

        try:
            self._check_threads()
        except Misuse as error:
            answer = {"error": describe_error(error)}
            self._send({"ended": message["start"], "answer": answer, "signal": 0, "status": 1})
            return
        answer_read, answer_write = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _child(parent, message, answer_write)
        os.close(answer_write)
        with contextlib.suppress(OSError):  # the child does the same: whoever comes first
            os.setpgid(pid, pid)
        os.set_blocking(answer_read, False)
        self._running[pid] = (message["start"], answer_read, bytearray())
        self._selector.register(answer_read, selectors.EVENT_READ, pid)
        self._send({"started": message["start"], "pid": pid})

    def _collect(self, pid: int) -> None:
        if pid not in self._running:
            return
        identity, pipe, answer = self._running[pid]
        with contextlib.suppress(BlockingIOError):
            while data := os.read(pipe, 1 << 16):
                answer += data
                self._forward(identity, answer)
            with contextlib.suppress(KeyError):  # a second look, after its end was seen
                self._selector.unregister(pipe)

    def _forward(self, identity: Any, answer: bytearray) -> None:
        """Pass on, and take out of the answer, the lines before it that tell how far the step is."""
        while answer.startswith(_TOLD) and (end := answer.find(b"\n")) >= 0:
            self._send({"progress": identity, "done": json.loads(answer[len(_TOLD) : end])})
            del answer[: end + 1]

    def _reap(self) -> None:
        for pid in list(self._running):
            # While it is a zombie its id, and its group's, belong to nobody else: so what it left is killed first.
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                continue
            _kill_group(pid)
            _, status = os.waitpid(pid, 0)
            self._collect(pid)
            identity, pipe, answer = self._running.pop(pid)
            with contextlib.suppress(KeyError):  # a grandchild that left the group holds its other end
                self._selector.unregister(pipe)
            os.close(pipe)
            line, whole, _ = bytes(answer).partition(b"\n")
            self._send(
                {
                    "ended": identity,
                    "answer": json.loads(line) if whole else None,
                    "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0,
                    "status": os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1,
                }
            )


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def _child(parent: int, message: dict[str, Any], answer: int) -> NoReturn:
    status = 1
    try:
        os.setpgid(0, 0)
        die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        _redirect(message["log"])
        from headrace.orchestration.worker import describe_error

        if message["call"].get("tells"):
            progress.send_to(lambda done: _tell(answer, done))
        try:
            found = _answer(message["call"])
            status = 0
        except BaseException as error:
            found = {"error": describe_error(error)}
            sys.stderr.write(found["error"]["traceback"] + "\n")
        progress.send_to(None)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        ctypes.CDLL(None).fflush(None)  # what C code printed
        _write_all(answer, json.dumps(found).encode() + b"\n")
    finally:
        os._exit(status)


def _tell(answer: int, done: progress.Done | None) -> None:
    """One line, small enough that the kernel never mixes it with another thread's."""
    plain = None if done is None else done.to_plain()
    os.write(answer, _TOLD + json.dumps(plain).encode() + b"\n")


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    from headrace.orchestration.worker import perform
    from headrace.store import Store

    os.environ.update(call.get("environment", {}))
    with Store.open(Path(call["home"]), lease_s=call["lease_s"], create=False) as store:
        return perform(call, store)


def _redirect(log: str) -> None:
    """Send standard output and error to the step's log, and give it an empty standard input."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    for descriptor in (nothing, target):
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def main() -> None:
    """The zygote's process: `python -m headrace.orchestration.zygote SOCKET PARENT`."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to answer
    connection = socket.socket(fileno=descriptor)
    try:
        _Server(connection).serve()
    except HeadraceError as error:
        sys.stderr.write(f"headrace: {error}\n")
        raise SystemExit(4) from None


if __name__ == "__main__":
    main()

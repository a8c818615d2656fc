"""The supervisor: holds the port, starts and watches the workers, polls the endpoints, tells the workers of flips.

It answers no request itself. Workers bind the same port (SO_REUSEPORT), so the kernel spreads connections over them
and one that dies takes only its own with it; it is started again. A store that cannot be read changes nothing: what
serves goes on serving.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.errors import HeadraceError, InvalidInput, StoreError, UnknownName
from headrace.progress import say
from headrace.settings import Settings

__all__ = ["serve"]

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_START_S = 30.0
_DRAIN_S = 10.0


@dataclass
class _Worker:
    process: subprocess.Popen[bytes]
    report: int
    is_ready: bool = False
    pending: bytes = b""
    told: dict[str, tuple[int, str]] = field(default_factory=dict)


def _reserve(host: str, port: int) -> socket.socket:
    """Bind the port without listening: it is ours, its number is known, and workers may bind it beside us."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = socket.socket(family, socket.SOCK_STREAM)
    holder = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Alone first: with SO_REUSEPORT a second server of the same user would silently share the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        port = probe.getsockname()[1]
        probe.close()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError as error:
        probe.close()
        holder.close()
        raise StoreError(
            f"cannot listen on {host}:{port}: {error.strerror}",
            fix="another program has the port: stop it, or choose another with --port (0 = any free one)",
        ) from error
    return holder


def _endpoints(home: Path, wanted: list[str] | None) -> dict[str, tuple[int, str]]:
    """Endpoint -> (version, model digest) as the store says now; opened read-only, nothing is written."""
    from headrace.store import Store

    store = Store.open(home, read_only=True)
    try:
        found = {one.name: (one.version, one.model_digest) for one in store.endpoints()}
    finally:
        store.close()
    if wanted is None:
        return found
    for name in wanted:
        if name not in found:
            raise UnknownName("endpoint", name, found, where=str(home))
    return {name: found[name] for name in wanted}


class _Supervisor:
    def __init__(self, settings: Settings, wanted: list[str] | None) -> None:
        self.settings, self.wanted = settings, wanted
        self.current = _endpoints(settings.home, wanted)
        self.holder = _reserve(settings.host, settings.port)
        self.port = int(self.holder.getsockname()[1])
        self.selector = selectors.DefaultSelector()
        self.workers: list[_Worker] = []
        self.stopping = False
        self.refused: set[tuple[str, int]] = set()

    def start_worker(self) -> None:
        read_end, write_end = os.pipe()
        options = {
            "host": self.settings.host,
            "port": self.port,
            "home": str(self.settings.home),
            "body_bytes": self.settings.body_mb << 20,
            "report": write_end,
            "hosts": ["127.0.0.1", "localhost", "[::1]", "::1"] if self.settings.host in _LOOPBACK else None,
            "endpoints": [
                {"endpoint": name, "version": version, "digest": digest}
                for name, (version, digest) in sorted(self.current.items())
            ],
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace.serving._worker", json.dumps(options)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[write_end],
            start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor alone, which drains in order
        )
        os.close(write_end)
        worker = _Worker(process, read_end, told=dict(self.current))
        self.workers.append(worker)
        self.selector.register(read_end, selectors.EVENT_READ, worker)

    def wait_until_answered(self, deadline: float) -> None:
        """Workers say that they are ready a moment before the kernel lets them accept: ask until one answers."""
        address = "::1" if self.settings.host == "::1" else "127.0.0.1"
        if self.settings.host not in (*_LOOPBACK, "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
            address = self.settings.host
        while time.monotonic() < deadline and not self.stopping:
            try:
                with socket.create_connection((address, self.port), timeout=1.0) as client:
                    client.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                    if client.recv(12).endswith(b"200"):
                        return
            except OSError:
                time.sleep(0.005)

    def hear(self, timeout_s: float) -> None:
        for key, _ in self.selector.select(timeout_s):
            worker: _Worker = key.data
            data = os.read(worker.report, 65536)
            if not data:
                self.selector.unregister(worker.report)
                continue
            *lines, worker.pending = (worker.pending + data).split(b"\n")
            for line in lines:
                message = json.loads(line)
                if message.get("ready"):
                    worker.is_ready = True
                if "refused" in message:
                    fact = (message["endpoint"], message["version"])
                    if fact not in self.refused:
                        self.refused.add(fact)
                        say(f"endpoint {fact[0]}: version {fact[1]} is not served: {message['refused']}")

    def poll(self) -> None:
        try:
            self.current = _endpoints(self.settings.home, self.wanted) or self.current
        except (HeadraceError, OSError):
            return  # an unreadable store changes nothing
        for worker in self.workers:
            for name, fact in self.current.items():
                if worker.told.get(name) == fact or worker.process.stdin is None:
                    continue
                message = {"endpoint": name, "version": fact[0], "digest": fact[1]}
                try:
                    worker.process.stdin.write(json.dumps(message).encode() + b"\n")
                    worker.process.stdin.flush()
                except BrokenPipeError:
                    continue
                worker.told[name] = fact

    def bury(self) -> None:
        """Replace workers that died."""
        for worker in [one for one in self.workers if one.process.poll() is not None]:
            self.forget(worker)
            if not self.stopping:
                say(f"worker {worker.process.pid} ended with {worker.process.returncode}: starting another")
                self.start_worker()

    def forget(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        if worker.report in self.selector.get_map():
            self.selector.unregister(worker.report)
        os.close(worker.report)
        if worker.process.stdin is not None:
            worker.process.stdin.close()

    def stop(self) -> None:
        """Tell all workers to finish what they answer; those that do not in time are killed."""
        self.stopping = True
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        deadline = time.monotonic() + _DRAIN_S
        for worker in list(self.workers):
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                worker.process.kill()
                worker.process.wait()
            self.forget(worker)
        self.holder.close()
        self.selector.close()


def serve(
    settings: Settings,
    endpoints: list[str] | None = None,
    *,
    on_ready: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Serve the store's endpoints until SIGTERM or Ctrl-C.

    Parameters
    ----------
    settings : Settings
        host, port, serve_workers, poll_s, body_mb and home are read.
    endpoints : list of str, optional
        Only these; all by default. One that does not exist is an error; without any the server starts, is not
        ready, and takes up the first that is pushed.
    on_ready : callable, optional
        Called once with {"url", "workers", "endpoints": {name: version}} when every worker answers.

    Raises InvalidInput when a host that is not loopback is asked for without HEADRACE_TOKEN, StoreError when the
    port is taken or the store cannot be read, UnknownName for an unknown endpoint.
    """
    if settings.host not in _LOOPBACK and not os.environ.get("HEADRACE_TOKEN"):
        raise InvalidInput(
            f"host {settings.host} can be reached from other machines and no token is set",
            fix="set HEADRACE_TOKEN to a secret that clients send, or serve on 127.0.0.1",
        )
    supervisor = _Supervisor(settings, endpoints)

    def stop(*_: object) -> None:
        supervisor.stopping = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for _ in range(settings.serve_workers):
            supervisor.start_worker()
        deadline = time.monotonic() + _START_S
        while not supervisor.stopping and not all(worker.is_ready for worker in supervisor.workers):
            supervisor.hear(0.05)
            dead = [worker for worker in supervisor.workers if worker.process.poll() is not None]
            if dead or time.monotonic() > deadline:
                raise StoreError(
                    f"a worker did not start (exit code {dead[0].process.returncode if dead else None})",
                    fix="its messages are above",
                )
        if not supervisor.stopping:
            supervisor.wait_until_answered(deadline)
        if not supervisor.stopping and on_ready is not None:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            versions = {name: version for name, (version, _) in sorted(supervisor.current.items())}
            url = f"http://{host}:{supervisor.port}"
            on_ready({"url": url, "workers": settings.serve_workers, "endpoints": versions})
        polled = time.monotonic()
        while not supervisor.stopping:
            supervisor.hear(min(0.2, settings.poll_s))
            supervisor.bury()
            if time.monotonic() - polled >= settings.poll_s:
                polled = time.monotonic()
                supervisor.poll()
    finally:
        supervisor.stop()
        for number, handler in before.items():
            signal.signal(number, handler)

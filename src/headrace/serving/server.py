"""Serve: the endpoints of a store over HTTP, by worker processes that a supervisor starts and watches."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

from headrace.errors import StoreError
from headrace.lookup import find
from headrace.serving._listening import check_listening, connect
from headrace.serving._supervisor import LOOPBACK, Supervisor
from headrace.serving.capacity import Quotas
from headrace.serving.enforcing import Enforcement
from headrace.settings import Settings

__all__ = ["serve"]

_START_S = 30.0


def _wait_until_answered(supervisor: Supervisor, deadline: float) -> None:
    """Ask until every worker has answered: one says that it is ready a moment before the kernel lets it accept."""
    settings = supervisor.settings
    address = "::1" if settings.host == "::1" else "127.0.0.1"
    if settings.host not in (*LOOPBACK, "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        address = settings.host
    missing = {b'"worker":%d}' % worker.number for worker in supervisor.workers}
    while missing and time.monotonic() < deadline and not supervisor.stopping:
        try:
            with connect(settings, address, supervisor.port) as client:
                if client is None:
                    return
                client.sendall(b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                answer = b""
                while part := client.recv(4096):
                    answer += part
                missing.discard(answer[answer.rfind(b'"worker"') :])
        except OSError:
            time.sleep(0.005)


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
        home, host, port, grpc_port, serve_workers, worker_mb, otel, poll_s, body_mb, body_rows, client_timeout_s,
        connections, keep_previous_s, request_timeout_s, quotas, enforce, metrics_open and the queue_*, tls_* and log_*
        settings are read.
    endpoints : list of str, optional
        Only these; all by default. One that does not exist is an error; without any the server starts, is not
        ready, and takes up the first that is pushed.
    on_ready : callable, optional
        Called once with {"url", "workers", "endpoints": {name: version}} when every worker answers; with a port for
        gRPC, {"grpc": "HOST:PORT"} is there too.

    When it is told to stop, every request on an open connection is answered before the connection closes.
    Raises InvalidInput when a host that is not loopback is asked for and nobody there needs a token or a certificate,
    and for TLS files that do not do; StoreError when the port is taken or the store cannot be read, UnknownName for an
    unknown endpoint.
    """
    check_listening(settings, has_secret=bool(os.environ.get("HEADRACE_TOKEN")))
    if settings.grpc_port >= 0:
        find("listener", "grpc")  # says what is not installed before anything is started
    if settings.otel:
        find("tracer", "otel")
    Quotas(settings.quotas, num_workers=1)  # what is wrong with them is said before anything starts
    Enforcement(settings.enforce)
    os.environ["HEADRACE_LOG_FORMAT"] = settings.log_format  # for `say`, here and in every process of the server
    supervisor = Supervisor(settings, endpoints)

    def stop(*_: object) -> None:
        supervisor.stopping = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for number in range(settings.serve_workers):
            supervisor.start_worker(number)
        deadline = time.monotonic() + _START_S
        while not supervisor.stopping and not all(worker.member.is_ready for worker in supervisor.workers):
            supervisor.hear(0.05)
            dead = supervisor.dead()
            if dead or time.monotonic() > deadline:
                raise StoreError(
                    f"a worker did not start (exit code {dead[0].process.returncode if dead else None})",
                    fix="its messages are above",
                )
        if not supervisor.stopping:
            _wait_until_answered(supervisor, deadline)
        if not supervisor.stopping and on_ready is not None:
            host = f"[{settings.host}]" if ":" in settings.host else settings.host
            versions = {name: fact.version for name, fact in sorted(supervisor.flips.good.items())}
            url = f"{'https' if settings.tls_cert else 'http'}://{host}:{supervisor.port}"
            told = {"url": url, "workers": settings.serve_workers, "endpoints": versions}
            if supervisor.grpc_port is not None:
                told["grpc"] = f"{host}:{supervisor.grpc_port}"
            on_ready(told)
        if settings.log_requests:
            supervisor.settle()
        while not supervisor.stopping:
            supervisor.hear(min(0.2, settings.poll_s))
            supervisor.watch()
            supervisor.poll()
    finally:
        supervisor.stop()
        for number, handler in before.items():
            signal.signal(number, handler)

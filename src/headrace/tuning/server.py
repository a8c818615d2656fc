"""Serve studies: one process that answers workers anywhere, over the store."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

from headrace.errors import InvalidInput
from headrace.serving._supervisor import LOOPBACK, reserve
from headrace.serving.core import Serving
from headrace.serving.http import Door
from headrace.settings import Settings
from headrace.store import Store
from headrace.tuning.http import StudyProtocol

__all__ = ["serve_studies"]


class _StudyDoor(Door):
    """The door of `headrace serve`, with its refusals, before another room."""

    def _refuse(self, scope: Any, headers: Any, path: str) -> Any:
        answer = super()._refuse(scope, headers, path)
        if path == "/health/ready" and answer is not None and answer.status == 503 and not self.is_draining:
            return answer._replace(status=200, body=b'{"ready":true}')  # there are no endpoints to wait for
        return answer


def serve_studies(settings: Settings, *, on_ready: Callable[[dict[str, Any]], None] | None = None) -> None:
    """Answer suggest, report and should_stop until SIGTERM or Ctrl-C.

    Parameters
    ----------
    settings : Settings
        home, host, port, body_mb and lease_s are read.
    on_ready : callable, optional
        Called once with {"url": ...} when it answers.

    Raises InvalidInput when a host that is not loopback is asked for without HEADRACE_TOKEN, StoreError when the port
    is taken or the store cannot be written.
    """
    token = os.environ.get("HEADRACE_TOKEN", "")
    if settings.host not in LOOPBACK and not token:
        raise InvalidInput(
            f"host {settings.host} can be reached from other machines and no token is set",
            fix="set HEADRACE_TOKEN to a secret that workers send, or serve on 127.0.0.1",
        )
    hosts = frozenset({"127.0.0.1", "localhost", "[::1]"}) if settings.host in LOOPBACK else None
    with (
        Store.of(settings) as store,
        reserve(settings.host, settings.port) as holder,
    ):
        door = _StudyDoor(
            Serving(),
            body_bytes=settings.body_mb << 20,
            hosts=hosts,
            token=token,
            protocols=[StudyProtocol(store)],
        )
        port = holder.getsockname()[1]
        asyncio.run(_run(door, settings.host, port, on_ready))


async def _run(door: Door, host: str, port: int, on_ready: Callable[[dict[str, Any]], None] | None) -> None:
    from granian.constants import HTTPModes
    from granian.server.embed import Server

    # HTTP/1 only, no web sockets: nothing here speaks them, and what is off cannot be attacked.
    server = Server(
        door, address=host, port=port, http=HTTPModes.http1, websockets=False, log_enabled=False, backlog=256
    )
    loop = asyncio.get_running_loop()

    def stop() -> None:
        door.is_draining = True
        server.stop()  # type: ignore[no-untyped-call]  # granian has no annotation here

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    async def tell() -> None:
        while True:  # ready when the kernel lets a connection in
            try:
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.01)
        door.is_ready = True
        if on_ready is not None:
            shown = f"[{host}]" if ":" in host else host
            on_ready({"url": f"http://{shown}:{port}"})

    telling = asyncio.create_task(tell())
    try:
        await server.serve()
    finally:
        telling.cancel()

"""A worker process: loads what its supervisor names, answers HTTP, and listens for flips on its standard input.

Messages are JSON lines. In: {"endpoint", "version", "digest"} to serve that version. Out, on the pipe whose
descriptor it was given: {"ready": true} once, {"serving": {endpoint: version}} after each flip, {"refused": reason}
when a version could not be loaded: what was served before goes on being served.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

from headrace.errors import HeadraceError
from headrace.serving.core import Served, Serving
from headrace.serving.http import Door

__all__ = ["main"]


def _load(home: Path, message: dict[str, Any]) -> Served:
    from headrace.model import Model
    from headrace.store import Store

    folder = Store.open(home, read_only=True).artifact_folder(message["digest"])
    return Served(message["endpoint"], message["version"], message["digest"], Model.load(folder))


async def _run(options: dict[str, Any]) -> None:
    from granian.constants import HTTPModes
    from granian.server.embed import Server

    loop = asyncio.get_running_loop()
    report = os.fdopen(options["report"], "wb", buffering=0)
    home = Path(options["home"])
    serving = Serving()
    hosts = frozenset(options["hosts"]) if options["hosts"] is not None else None
    token = os.environ.get("HEADRACE_TOKEN", "")
    door = Door(serving, body_bytes=options["body_bytes"], hosts=hosts, token=token)

    def tell(message: dict[str, Any]) -> None:
        try:
            report.write(orjson.dumps(message) + b"\n")
        except BrokenPipeError:
            os.kill(os.getpid(), signal.SIGTERM)

    def take(message: dict[str, Any]) -> None:
        try:
            served = _load(home, message)
        except (HeadraceError, OSError) as error:
            tell({"refused": str(error), **message})
            return
        serving.flip(served)
        tell({"serving": {name: one.version for name, one in serving.endpoints.items()}})

    for message in options["endpoints"]:
        take(message)
    # HTTP/1 only, no web sockets: nothing here speaks them, and what is off cannot be attacked.
    server = Server(
        door, address=options["host"], port=options["port"], http=HTTPModes.http1, websockets=False, log_enabled=False,
        backlog=1024,
    )
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if not stopping:
            stopping = True
            server.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)

    # One thread loads, so that a version that takes long to load holds up no request.
    loader = ThreadPoolExecutor(1, thread_name_prefix="flips")
    pending = b""

    def hear() -> None:
        nonlocal pending
        data = os.read(0, 65536)
        if not data:  # the supervisor is gone
            loop.remove_reader(0)
            stop()
            return
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            loader.submit(take, json.loads(line))

    loop.add_reader(0, hear)
    door.is_ready = True
    loop.call_later(0.01, lambda: tell({"ready": True}))
    await server.serve()


def main() -> None:
    """Run until told to stop; the options are one JSON argument."""
    options = json.loads(sys.argv[1])
    try:
        import uvloop
    except ImportError:
        asyncio.run(_run(options))
    else:
        uvloop.run(_run(options))


if __name__ == "__main__":
    main()

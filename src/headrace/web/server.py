"""Server: the pages, by one process beside `headrace up`; `python -m headrace.web.server PARENT`.

It is a process of its own so that whatever happens to it, watching and running go on. It ends with its parent.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from headrace import lookup, progress
from headrace.errors import HeadraceError, InvalidInput, StoreError
from headrace.settings import Settings, find_project, load_settings

__all__ = ["check_address", "main", "serve"]

# So many requests are worked on at once; the others wait.
_THREADS = 8


def check_address(settings: Settings) -> None:
    """Raise InvalidInput for an address beyond loopback while nobody has a token: everything there would be open."""
    from headrace.access import Tokens
    from headrace.web.site import LOOPBACK

    if settings.web_host not in LOOPBACK and Tokens(settings.home).is_empty:
        raise InvalidInput(
            f"web_host {settings.web_host} can be reached from other machines and nobody has a token",
            fix="headrace tokens add NAME --role admin, or web_host = 127.0.0.1",
        )


def serve(settings: Settings, project: Path, *, on_ready: Any = None) -> None:
    """Serve the pages of a project until SIGTERM or Ctrl-C.

    `on_ready` is called with the address when it answers. Raises InvalidInput as `check_address` does, StoreError when
    the port is taken.
    """
    from headrace.store import Store
    from headrace.web.app import make_app
    from headrace.web.site import Site

    check_address(settings)
    port = _free_port(settings.web_host, settings.web_port)
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    with Store.of(settings) as store:
        asyncio.run(_run(make_app(Site(store, settings, project)), settings.web_host, port, on_ready))


def _warm_up() -> None:
    """Import what the first page of each kind would wait for."""
    from headrace.report import page_of

    for kind in lookup.names("page"):
        with contextlib.suppress(HeadraceError, ImportError):
            page_of(kind)


async def _run(app: Any, host: str, port: int, on_ready: Any) -> None:
    from anyio import to_thread
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    to_thread.current_default_thread_limiter().total_tokens = _THREADS
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    if on_ready is not None:
        shown = f"[{host}]" if ":" in host else host
        loop.call_later(0.05, on_ready, f"http://{shown}:{port}")
    await server.serve()


def _free_port(host: str, port: int) -> int:
    """The port, if nobody has it; another where any will do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise StoreError(
                f"the pages cannot be served: {error.strerror}",
                where=f"{host}:{port}",
                fix="set web_port to another, or 0 for any",
            ) from None
        return int(probe.getsockname()[1])


def main() -> None:
    """The child's process."""
    from headrace.orchestration.served import end_with_parent

    end_with_parent(int(sys.argv[1]))
    try:
        serve(load_settings(), find_project(Path.cwd()), on_ready=lambda url: progress.say(f"pages at {url}"))
    except HeadraceError as error:
        progress.say(f"headrace: {error}")
        raise SystemExit(4) from None


if __name__ == "__main__":
    main()

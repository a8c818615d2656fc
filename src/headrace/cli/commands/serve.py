"""`headrace serve [ENDPOINT ...]`: answer requests with what was pushed."""

from __future__ import annotations

import argparse
from dataclasses import replace

__all__ = ["add_arguments", "execute"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `serve` takes."""
    parser.add_argument("endpoints", nargs="*", metavar="ENDPOINT", help="only these; all by default")
    parser.add_argument("--host", help="the address to bind (setting `host`)")
    parser.add_argument("--port", type=int, help="the TCP port; 0 = any free one (setting `port`)")
    parser.add_argument("--workers", type=int, help="server processes (setting `serve_workers`)")


def execute(arguments: argparse.Namespace) -> int:
    """Serve until stopped."""
    from headrace.serving import serve
    from headrace.settings import load_settings

    settings = load_settings()
    given = {"host": arguments.host, "port": arguments.port, "serve_workers": arguments.workers}
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})
    serve(settings, arguments.endpoints or None)
    return 0

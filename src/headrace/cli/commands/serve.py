"""`headrace serve [ENDPOINT ...]`: answer requests with what was pushed."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

from headrace import progress
from headrace.cli.output import add_output, write_json_line

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace serve",
    "headrace serve late --port 9000",
    "headrace serve --workers 4",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `serve` takes."""
    parser.add_argument("endpoints", nargs="*", metavar="ENDPOINT", help="only these; all by default")
    parser.add_argument("--host", metavar="ADDRESS", help="the address to bind (setting `host`)")
    parser.add_argument("--port", type=int, metavar="NUMBER", help="the TCP port; 0 = any free one (setting `port`)")
    parser.add_argument(
        "--grpc-port", type=int, metavar="NUMBER", help="the TCP port for gRPC; 0 = any free one (setting `grpc_port`)"
    )
    parser.add_argument("--workers", type=int, metavar="NUMBER", help="server processes (setting `serve_workers`)")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Serve until stopped; once ready, say where (`-o json`: one line of JSON on standard output)."""
    from headrace.serving import serve
    from headrace.settings import load_settings
    from headrace.store import Store

    settings = load_settings()
    given = {
        "host": arguments.host,
        "port": arguments.port,
        "grpc_port": arguments.grpc_port,
        "serve_workers": arguments.workers,
    }
    settings = replace(settings, **{name: value for name, value in given.items() if value is not None})

    if settings.records:
        Store.of(settings, read_only=True).close()

    def ready(state: dict[str, Any]) -> None:
        if arguments.output == "json":
            write_json_line(state)
        else:
            served = ", ".join(f"{name} v{version}" for name, version in state["endpoints"].items())
            grpc = f", gRPC at {state['grpc']}" if "grpc" in state else ""
            progress.say(f"serving {served or 'nothing yet'} at {state['url']}{grpc}")

    serve(settings, arguments.endpoints or None, on_ready=ready)
    return 0

"""Real servers for tests, proofs and benchmarks of streams, on this machine, each on a free port.

| server | what runs | found |
|---|---|---|
| `kafka_server` | noida-db: one binary that speaks Kafka's protocol and keeps its data | PyPI: noida-db |
| `pubsub_server` | Google's own emulator (Java), which keeps nothing | Google Cloud CLI; PUBSUB_EMULATOR |

Both raise MissingServer where there is none: tests skip and say so.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["MissingServer", "kafka_server", "pubsub_server"]

_START_S = 60.0
_EMULATORS = (
    "/usr/lib/google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator",
    "/opt/google-cloud-sdk/platform/pubsub-emulator/bin/cloud-pubsub-emulator",
)


class MissingServer(Exception):
    """There is no such server on this machine."""


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def _running(command: Sequence[str], port: int, log: Path, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True, env=environment
        )
    try:
        until = time.monotonic() + _START_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{command[0]} did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its session: what it forked, and nothing else
        process.wait()


@contextlib.contextmanager
def kafka_server(folder: Path) -> Iterator[str]:
    """A Kafka broker that keeps its data in a folder; gives its address, host:port.

    Raises MissingServer without noida-db.
    """
    beside = Path(sys.executable).parent / "noida-db"
    command = str(beside) if beside.is_file() else shutil.which("noida-db")
    if command is None:
        raise MissingServer("no Kafka broker here: pip install noida-db")
    port = _free_port()
    given = [command, "start", "--data-dir", str(folder), "--only", "kafka", "--kafka-port", str(port)]
    with _running(given, port, folder / "server.log", dict(os.environ)):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def pubsub_server(folder: Path) -> Iterator[str]:
    """Google's Pub/Sub emulator; gives its address, host:port. Raises MissingServer without it, or without Java."""
    found = [os.environ.get("PUBSUB_EMULATOR", ""), *_EMULATORS]
    command = next((path for path in found if path and Path(path).is_file()), None)
    if command is None or shutil.which("java") is None:
        raise MissingServer(f"no Pub/Sub emulator here (looked at {', '.join(_EMULATORS)}), or no Java")
    port = _free_port()
    environment = {**os.environ, "JAVA_OPTS": "-Xmx384m"}
    with _running([command, "--host=127.0.0.1", f"--port={port}"], port, folder / "server.log", environment):
        yield f"127.0.0.1:{port}"

"""Starting the zygote before it is known whether it is needed.

Reading a pipeline's file and planning take as long as the zygote takes to import numpy and pyarrow; on two cores the
one hides behind the other. `headrace run` starts it first thing and hands it over to the first step that misses the
cache; where all are known it is killed again. It imports headrace's own modules only: the pipeline's file is read
when the plan is made, so that both have read the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

from headrace.orchestration.zygote import ENVIRONMENT

__all__ = ["Zygote", "discard", "launch", "start_early", "take"]

Zygote = tuple["subprocess.Popen[bytes]", socket.socket]

_ALWAYS = ["headrace.orchestration.worker", "headrace.store"]
_FOR_ROWS = ["numpy", "pyarrow", "pyarrow.compute", "pyarrow.parquet", "headrace.orchestration.bodies"]
_early: list[Zygote] = []


def launch(environment: dict[str, str], output: int) -> Zygote:
    """A new zygote that waits for what to do, and the socket to say it; `output` gets what it prints."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace.orchestration.zygote", str(theirs.fileno()), str(os.getpid())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**ENVIRONMENT, **os.environ, **environment},
            start_new_session=True,  # Ctrl-C in the terminal is for the runner alone
        )
    return process, ours


def start_early(file: Path, environment: dict[str, str]) -> None:
    """Start a zygote for a pipeline's file; what it imports is guessed from the file's text. Never raises."""
    with contextlib.suppress(OSError):
        text = file.read_bytes()
        # A file that ingests works with rows, and its steps need what reading them needs.
        names = [
            *_ALWAYS,
            *(_FOR_ROWS if b"ingest(" in text else []),
            *(["headrace.transformation"] * (b"ops." in text)),
        ]
        zygote = launch(environment, subprocess.DEVNULL)
        _early.append(zygote)
        zygote[1].sendall(json.dumps({"import": {"path": sys.path, "modules": names}}).encode() + b"\n")


def take() -> Zygote | None:
    """The zygote that was started early, for whoever asks first."""
    return _early.pop() if _early else None


def discard() -> None:
    """Kill the zygote that was started early, if nobody has taken it."""
    while _early:
        process, connection = _early.pop()
        connection.close()
        process.kill()
        process.wait()

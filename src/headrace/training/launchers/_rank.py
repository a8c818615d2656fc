"""What happens in the process of one rank: a function is called, its journal speaks to the process that launched it.

Lines of JSON on standard input and output:

    launcher -> rank   {"entry", "arguments", "folder", "rank", "num_ranks", "device", "path"}, then answers to reports
    rank -> launcher   {"report": step, "values": {...}}   {"save": file}   {"progress": {...} or null}
                       {"loaded": true}   {"answer": ...}   {"error": {...}}

A rank whose launcher is gone ends at once, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from headrace import disk, progress
from headrace.errors import HeadraceError
from headrace.training._contract import Group, Journal

__all__ = ["RANK", "RankJournal", "main"]

RANK = "HEADRACE_RANK"
"""The variable of the environment by which a process knows that it is one of several."""

_PR_SET_PDEATHSIG = 1
_CHECKPOINT = "checkpoint"


class RankJournal(Journal):
    """The launcher's journal as seen from a rank: the first speaks to it, the others have nothing to say."""

    def __init__(self, channel: _Channel, folder: Path, rank: int) -> None:
        self._channel, self._folder, self._rank = channel, folder, rank
        self._saves = 0

    def report(self, step: int, values: Mapping[str, float]) -> bool:
        """Ask the launcher's journal."""
        if self._rank:
            return True
        self._channel.send({"report": step, "values": dict(values)})
        return bool(self._channel.receive()["goes_on"])

    def save(self, state: bytes) -> None:
        """Hand a checkpoint over as a file."""
        if not self._rank:
            self._saves += 1
            file = self._folder / f"save-{self._saves}"
            file.write_bytes(state)
            self._channel.send({"save": file.name})
            self._channel.receive()

    def resume(self) -> bytes | None:
        """What the launcher's journal had when the ranks were started."""
        file = self._folder / _CHECKPOINT
        return file.read_bytes() if file.is_file() else None

    def loaded(self) -> None:
        """Say that the files in `features` are open, or not needed any more."""
        self._channel.send({"loaded": True})


class _Channel:
    """Lines to and from the launcher; the end of its lines is the end of this process."""

    def __init__(self, reader: TextIO, writer: TextIO) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._lines: queue.Queue[Any] = queue.Queue()
        self._reader = reader
        self.start = json.loads(reader.readline() or "null")

    def listen(self) -> None:
        """Read on, in a thread."""
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._reader:
            self._lines.put(json.loads(line))
        os._exit(1)

    def send(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._writer.write(json.dumps(message) + "\n")
            self._writer.flush()

    def receive(self) -> Any:
        return self._lines.get()


def _die_with_parent() -> None:
    """The kernel kills this process when the launcher ends, also while all threads wait in foreign code."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def main() -> None:
    """Be the rank that the first line tells of, and end."""
    _die_with_parent()
    # What the project's code prints goes with its errors: the pipe is for messages alone.
    writer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    channel = _Channel(sys.stdin, writer)
    start = channel.start
    if start is None:  # the launcher died first
        os._exit(1)
    channel.listen()
    sys.path[:] = start["path"]
    folder = Path(start["folder"])
    group = Group(start["rank"], start["num_ranks"], start["device"], str(folder))
    if group.rank == 0:
        progress.send_to(lambda done: channel.send({"progress": None if done is None else done.to_plain()}))
    try:
        module, _, name = start["entry"].partition(":")
        function = getattr(importlib.import_module(module), name)
        answer = function(start["arguments"], group, RankJournal(channel, folder, group.rank))
        channel.send({"answer": answer})
    except BaseException as error:  # whatever it is, the launcher tells it
        if not isinstance(error, HeadraceError):
            traceback.print_exc()
        parts = {name: getattr(error, name, "") for name in ("what", "where", "expected", "fix")}
        channel.send({"error": {"class": type(error).__name__, "message": str(error), **parts}})
        status = 1
    else:
        status = 0
    # Not through the interpreter's end: process groups of third parties may wait there for ranks that are gone.
    with contextlib.suppress(OSError, ValueError):
        writer.flush()
        sys.stderr.flush()
    os._exit(status)


def keep_checkpoint(folder: Path, state: bytes) -> None:
    """Put a checkpoint where `resume` looks."""
    disk.write_file(folder / _CHECKPOINT, state)

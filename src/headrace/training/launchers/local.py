"""local: ranks as processes of this machine."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace import errors, progress
from headrace.errors import HeadraceError, StepFailed
from headrace.training._contract import Entry, Journal, Launcher
from headrace.training.launchers._rank import RANK, keep_checkpoint

__all__ = ["Local"]

_GRACE_S = 2.0  # in which the others' ends are gathered, to tell the cause rather than what followed of it
_START = "from headrace.training.launchers._rank import main; main()"


class Local(Launcher):
    """Processes of this machine that meet on loopback, through a folder.

    A rank that fails or dies ends all of them, and so does the end of the process that launched them, however it
    comes: ranks are tied to it by the kernel and by a pipe. Cost: a Python process and its imports a rank, about 2 s
    with PyTorch.

    Examples
    --------
    >>> import tempfile
    >>> entry = Entry("headrace.training.launchers.local:who", {"greeting": "hello"}, tempfile.mkdtemp())
    >>> Local().run(entry, 2, {}, journal=Journal())
    'hello from rank 0 of 2'
    """

    def run(self, entry: Entry, num_ranks: int, resources: Mapping[str, Any], *, journal: Journal) -> Any:
        """Run an entry on so many ranks, and return the first one's answer; see `Launcher`."""
        state = journal.resume()
        if state is not None:
            keep_checkpoint(Path(entry.folder), state)
        ranks = _Ranks(entry, num_ranks, resources, journal)
        try:
            return ranks.wait()
        finally:
            ranks.end()


def who(arguments: Mapping[str, Any], group: Any, journal: Journal) -> str:
    """The smallest entry: who is asked."""
    return f"{arguments['greeting']} from rank {group.rank} of {group.num_ranks}"


class _Ranks:
    """Processes that run, and what they say."""

    def __init__(self, entry: Entry, num_ranks: int, resources: Mapping[str, Any], journal: Journal) -> None:
        self._entry, self._journal = entry, journal
        self._said: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._processes: list[subprocess.Popen[str]] = []
        self._num_loaded = 0
        self._num_ranks = num_ranks
        environment = {**os.environ, RANK: "1", "GLOO_SOCKET_IFNAME": "lo0" if sys.platform == "darwin" else "lo"}
        try:
            for rank in range(num_ranks):
                start: dict[str, Any] = {
                    "entry": entry.function,
                    "arguments": dict(entry.arguments),
                    "folder": entry.folder,
                    "rank": rank,
                    "num_ranks": num_ranks,
                    "device": f"cuda:{rank}" if resources.get("device") == "cuda" else "cpu",
                    "path": [str(Path(item).absolute()) if item else str(Path.cwd()) for item in sys.path],
                }
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-c", _START],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        text=True,
                        env={**environment, "PYTHONPATH": os.pathsep.join(start["path"])},
                    )
                )
                self._send(rank, start)
        except BaseException:
            self.end()
            raise
        for rank in range(num_ranks):
            threading.Thread(target=self._listen, args=(rank,), daemon=True).start()

    def _send(self, rank: int, message: dict[str, Any]) -> None:
        pipe = self._processes[rank].stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):  # it died, which its end will tell
            pipe.write(json.dumps(message) + "\n")
            pipe.flush()

    def _listen(self, rank: int) -> None:
        pipe = self._processes[rank].stdout
        assert pipe is not None
        for line in pipe:
            self._said.put((rank, json.loads(line)))
        self._said.put((rank, None))

    def wait(self) -> Any:
        """The first rank's answer, when all have ended well; the error that explains most, when one has not."""
        answer: Any = None
        answered: set[int] = set()
        ended: set[int] = set()
        while len(ended) < self._num_ranks:
            rank, message = self._said.get()
            if message is None:
                ended.add(rank)
                if rank not in answered:
                    raise self._explain([self._death(rank)])
            elif "error" in message:
                raise self._explain([(rank, message["error"])])
            elif "answer" in message:
                answered.add(rank)
                answer = message["answer"] if rank == 0 else answer
            else:
                self._serve(rank, message)
        return answer

    def _serve(self, rank: int, message: dict[str, Any]) -> None:
        if "report" in message:
            self._send(rank, {"goes_on": self._journal.report(message["report"], message["values"])})
        elif "save" in message:
            file = Path(self._entry.folder) / message["save"]
            self._journal.save(file.read_bytes())
            file.unlink()
            self._send(rank, {"saved": True})
        elif "progress" in message:
            found = message["progress"]
            progress.tell(None if found is None else progress.Done(**found))
        elif "loaded" in message:
            self._num_loaded += 1
            if self._num_loaded == self._num_ranks:
                # All have them open: were this process killed now, no copy of the rows would stay behind.
                shutil.rmtree(Path(self._entry.folder) / "features", ignore_errors=True)

    def _death(self, rank: int) -> tuple[int, dict[str, str]]:
        code = self._processes[rank].wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        return rank, {"class": "", "message": f"rank {rank} of {self._num_ranks} {how}"}

    def _explain(self, found: list[tuple[int, dict[str, str]]]) -> HeadraceError:
        """The cause among what is said in the next moment: our own errors, then deaths, then what the others raised."""
        until = time.monotonic() + _GRACE_S
        while not any(self._is_ours(error) for _, error in found):
            try:
                rank, message = self._said.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                break
            if message is None and all(rank != other for other, _ in found):
                code = self._processes[rank].wait()
                if code < 0 or not found:
                    found.append(self._death(rank))
            elif message is not None and "error" in message:
                found.append((rank, message["error"]))
        for _, error in found:
            if self._is_ours(error):
                cls: type[HeadraceError] = getattr(errors, error["class"])
                told = cls.__new__(cls)
                HeadraceError.__init__(
                    told, error["what"], where=error["where"], expected=error["expected"], fix=error["fix"]
                )
                return told
        for _, error in found:
            if not error["class"]:
                return StepFailed(
                    error["message"], fix="all ranks were ended; run it again, it goes on where it was saved"
                )
        rank, error = found[0]
        return StepFailed(f"rank {rank} of {self._num_ranks} raised {error['class']}: {error['message'][:400]}")

    @staticmethod
    def _is_ours(error: Mapping[str, str]) -> bool:
        return bool(error.get("what")) and error["class"] in errors.__all__

    def end(self) -> None:
        """End all that still run, and wait for them."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
        for process in self._processes:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        progress.tell(None)

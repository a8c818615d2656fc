"""Served: a process beside `headrace up`: started again when it ends, gone when `headrace up` is, however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from headrace import progress
from headrace.orchestration.zygote import die_with_parent

__all__ = ["Served", "end_with_parent", "main"]

_SHORTEST_S, _LONGEST_S = 0.5, 5.0  # pauses before it is started again
_STOP_S = 30.0
_CANNOT = 4  # the exit code of one that could not start; what is wrong was said


class Served:
    """A process, kept running: call `turn` now and then, from the thread that made it.

    Parameters
    ----------
    module : str
        Run with this process's id as its first argument; `headrace serve` by default. Its `main` calls
        `end_with_parent` before anything else, and ends with code 4 when it cannot start.
    what : str
        What it is called when it ends.
    arguments : sequence of str
        Its other arguments.
    is_needed : bool
        Whether it is started again when it could not start at all, as when somebody else has its port.
    longest_s : float
        The longest pause before it is started again, in seconds.
    """

    def __init__(
        self,
        module: str = "headrace.orchestration.served",
        what: str = "the server",
        *,
        arguments: Sequence[str] = (),
        is_needed: bool = True,
        longest_s: float = _LONGEST_S,
    ) -> None:
        self._module, self._what, self._is_needed = module, what, is_needed
        self._arguments, self._longest_s = list(arguments), longest_s
        self._has_given_up = False
        self._process: subprocess.Popen[bytes] | None = None
        self._pause_s = _SHORTEST_S
        self._started = 0.0

    def turn(self) -> None:
        """Start it, or start it again after a pause that grows while it does not stay up."""
        if self._has_given_up:
            return
        if self._process is not None:
            if self._process.poll() is None:
                return
            if self._process.returncode == _CANNOT and not self._is_needed:
                self._has_given_up = True
                progress.say(f"going on without {self._what}")
                return
            stayed = time.monotonic() - self._started > _LONGEST_S
            self._pause_s = _SHORTEST_S if stayed else min(self._longest_s, 2 * self._pause_s)
            progress.say(f"{self._what} ended with {self._process.returncode}: starting another")
            self._process, self._started = None, time.monotonic()
        if time.monotonic() - self._started < self._pause_s and self._started:
            return
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module, str(os.getpid()), *self._arguments],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,  # Ctrl-C in the terminal is for `headrace up` alone, which stops it in order
        )

    def stop(self) -> None:
        """Ask it to finish what it does, and end; `close` waits for that."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def close(self) -> None:
        """Let it finish what it does, and end."""
        self.stop()
        if self._process is not None:
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def end_with_parent(parent: int) -> None:
    """See to it that this process does not outlive its parent, even one that was killed.

    On Linux the kernel kills it at that moment; elsewhere a thread looks every second.
    """
    die_with_parent(parent)

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    if sys.platform != "linux":
        threading.Thread(target=look, name="parent", daemon=True).start()


def main() -> None:
    """The child's process: `python -m headrace.orchestration.served PARENT`."""
    end_with_parent(int(sys.argv[1]))
    from headrace.errors import HeadraceError
    from headrace.serving import serve
    from headrace.settings import load_settings

    def ready(state: dict[str, Any]) -> None:
        served = ", ".join(f"{name} v{version}" for name, version in state["endpoints"].items())
        progress.say(f"serving {served or 'nothing yet'} at {state['url']}")

    try:
        serve(load_settings(), on_ready=ready)
    except HeadraceError as error:
        progress.say(f"headrace: {error}")
        raise SystemExit(4) from None


if __name__ == "__main__":
    main()

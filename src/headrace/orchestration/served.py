"""A server as a child of `headrace up`: started again when it ends, gone when `headrace up` is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from headrace import progress
from headrace.orchestration.zygote import die_with_parent

__all__ = ["Served", "main"]

_SHORTEST_S, _LONGEST_S = 0.5, 5.0  # pauses before it is started again
_STOP_S = 30.0
_CANNOT = 4  # the exit code of one that could not start; what is wrong was said


class Served:
    """A server, kept running: call `turn` now and then, from the thread that made it.

    Parameters
    ----------
    module : str
        Run with this process's id as its argument; `headrace serve` by default.
    what : str
        What it is called when it ends.
    is_needed : bool
        Whether it is started again when it could not start at all, as when somebody else has its port.
    """

    def __init__(
        self, module: str = "headrace.orchestration.served", what: str = "the server", *, is_needed: bool = True
    ) -> None:
        self._module, self._what, self._is_needed = module, what, is_needed
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
            self._pause_s = _SHORTEST_S if stayed else min(_LONGEST_S, 2 * self._pause_s)
            progress.say(f"{self._what} ended with {self._process.returncode}: starting another")
            self._process, self._started = None, time.monotonic()
        if time.monotonic() - self._started < self._pause_s and self._started:
            return
        self._started = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module, str(os.getpid())],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,  # Ctrl-C in the terminal is for `headrace up` alone, which stops it in order
        )

    def close(self) -> None:
        """Let it finish what it answers, and end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None


def main() -> None:
    """The child's process: `python -m headrace.orchestration.served PARENT`."""
    die_with_parent(int(sys.argv[1]))
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

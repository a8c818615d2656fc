"""Contained: code that nobody has read yet, imported in a process that cannot take this one with it.

What looks at an uploaded file is a process of its own with a limit on time, processor time, memory and what it writes,
an environment without anything but where Python and the store are, no standard input, no core file; its whole group is
killed when it ends or is late. Where the kernel allows it (`unshare`), it has a process namespace of its own too, so
that it sees no other process, and cannot read what those have in their environment.

It is a fence against mistakes and loops, and keeps secrets out of the check. It is not a sandbox for an enemy: the
process has this user's rights to files and to the network, as every step of a pipeline has.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Contained", "Limits", "environment", "limit_this_process", "run_contained"]

# All that a check may know of the environment. HEADRACE_TOKEN, cloud credentials and the like are not here.
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
_KEPT_HEADRACE = ("HEADRACE_HOME", "HEADRACE_PROFILE")
_TOLD_BYTES = 4000


@dataclass(frozen=True)
class Limits:
    """How much a contained process may use.

    Parameters
    ----------
    seconds : float
        Of time, and of processor time.
    memory_mb : int
        Of address space, in MiB.
    written_mb : int
        The largest file it may write, what it prints included, in MiB.
    """

    seconds: float = 60.0
    memory_mb: int = 4096
    written_mb: int = 64


@dataclass(frozen=True)
class Contained:
    """How it ended: what it wrote to standard output, the end of standard error, and why it was stopped, if it was."""

    status: int
    output: bytes
    told: str
    stopped: str


def environment() -> dict[str, str]:
    """The part of this process's environment that a contained one gets."""
    kept = {name: os.environ[name] for name in (*_KEPT, *_KEPT_HEADRACE) if name in os.environ}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@functools.cache
def _namespace() -> tuple[str, ...]:
    """The words before a command that give it a process namespace of its own; () where that is not allowed."""
    found = shutil.which("unshare")
    if found is None:
        return ()
    words = (found, "--user", "--map-current-user", "--pid", "--fork", "--mount-proc", "--kill-child")
    try:
        done = subprocess.run([*words, "true"], capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return words if done.returncode == 0 else ()


def run_contained(module: str, arguments: Sequence[str], limits: Limits, *, folder: Path) -> Contained:
    """Run `python -m module arguments` within limits, in a folder.

    The module calls `limit_this_process(limits)` before it does anything with what it is not sure of; the time is
    watched from here. Returns how it ended, whatever it did.
    """
    command = [*_namespace(), sys.executable, "-m", module, *arguments]
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=told,
            start_new_session=True,
        )
        stopped = ""
        try:
            process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            stopped = f"it was stopped after {limits.seconds:g} s"
        finally:
            with contextlib.suppress(ProcessLookupError):  # and what it started
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        told.seek(max(0, told.seek(0, os.SEEK_END) - _TOLD_BYTES))
        text = told.read().decode("utf-8", "replace")
        return Contained(process.returncode, output.read((limits.written_mb << 20) + 1), text, stopped or _why(process))


def _why(process: subprocess.Popen[bytes]) -> str:
    # Through `unshare` a signal shows as 128 + its number.
    number = -process.returncode if process.returncode < 0 else process.returncode - 128
    if process.returncode == 0 or number <= 0:
        return ""
    said = {
        signal.SIGXCPU: "it used all the processor time that a check may use",
        signal.SIGXFSZ: "it wrote more than a check may write",
        signal.SIGKILL: "it was killed; the machine may be out of memory",
    }
    with contextlib.suppress(ValueError):
        return said.get(signal.Signals(number), f"its process was killed by {signal.Signals(number).name}")
    return ""


def limit_this_process(limits: Limits) -> None:
    """Set the limits that the kernel keeps, for good: neither this process nor what it starts can raise them."""
    import resource

    seconds, written = max(1, int(limits.seconds)), limits.written_mb << 20
    wanted = {
        resource.RLIMIT_CPU: seconds,
        resource.RLIMIT_AS: limits.memory_mb << 20,
        resource.RLIMIT_FSIZE: written,
        resource.RLIMIT_CORE: 0,
    }
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        lowest = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (lowest, lowest))

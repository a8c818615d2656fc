"""Named points of the commit protocol: where a proof kills the process to show that nothing is lost.

`HEADRACE_KILL_AT="published"` makes the process send itself SIGKILL the first time it reaches that point,
`HEADRACE_KILL_AT="published:3"` the third time. Each process counts for itself, unless HEADRACE_KILL_COUNTER names a
file: then all processes that share it count together, so that the third of them dies, whichever it is. With
HEADRACE_KILL_PID it is not the process itself that dies but the one of that id: a runner, while its worker is at the
point. When nothing is set, a point costs one look into the environment.
"""

from __future__ import annotations

import os
import signal

from headrace.errors import InvalidInput, UnknownName

__all__ = ["NAMES", "OTHERS", "reach"]

# In the order in which one step of one run passes them.
NAMES: tuple[str, ...] = (
    "run-created",
    "attempt-begun",
    "outputs-staged",
    "files-synced",
    "manifest-written",
    "published-first-artifact",
    "published",
    "before-commit",
    "after-commit",
    "before-push",
    "after-push",
    "run-finished",
)

# Beside the life of a step: a person is asked and answers, a run is told of.
OTHERS: tuple[str, ...] = ("approval-asked", "run-waiting", "approval-answered", "approval-expired", "before-told")

_reached: dict[str, int] = {}


def reach(name: str) -> None:
    """Say that the process is at the point `name`; it dies here when HEADRACE_KILL_AT asks for it.

    Raises UnknownName when HEADRACE_KILL_AT, or the caller, names a point that does not exist: a proof that never
    fires would prove nothing. Cost: under a microsecond when HEADRACE_KILL_AT is unset.

    >>> reach("before-commit")
    """
    wanted = os.environ.get("HEADRACE_KILL_AT")
    if not wanted:
        return
    target, _, count = wanted.partition(":")
    for point in (name, target):
        if point not in (*NAMES, *OTHERS):
            raise UnknownName("point", point, [*NAMES, *OTHERS], where="HEADRACE_KILL_AT")
    if count and not count.isdecimal():
        raise InvalidInput(f"{wanted!r} is not a point and a count", where="HEADRACE_KILL_AT", expected="published:3")
    if name == target and _count(name) == int(count or 1):
        os.kill(int(os.environ.get("HEADRACE_KILL_PID") or os.getpid()), signal.SIGKILL)


def _count(name: str) -> int:
    counter = os.environ.get("HEADRACE_KILL_COUNTER")
    if not counter:
        _reached[name] = _reached.get(name, 0) + 1
        return _reached[name]
    # One byte a visit, appended in one system call: the file's position after it is the count, with no lock.
    descriptor = os.open(counter, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, b".")
        return os.lseek(descriptor, 0, os.SEEK_CUR)
    finally:
        os.close(descriptor)

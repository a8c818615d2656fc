"""What tests with real processes share: start the command, wait for something, look at who lives."""

import os
import subprocess
import sys
import time
from pathlib import Path

from headrace.store import Store

_started = []


def end_all():
    """Kill what a test has left running."""
    for process in _started:
        if process.poll() is None:
            process.kill()
        process.wait(30)
    _started.clear()


def start(project, *arguments, stdout=subprocess.DEVNULL, **environment):
    """`headrace ...` in the project, in a process group of its own; its messages go to `messages.txt`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    with (project.folder / "messages.txt").open("a") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace.cli", *map(str, arguments)],
            cwd=project.folder,
            env={**clean, **environment},
            stdout=stdout,
            stderr=messages,
            text=True,
            start_new_session=True,
        )
    _started.append(process)
    return process


def call(project, *arguments, **environment):
    """The same, waited for: (exit code, standard output)."""
    process = start(project, *arguments, stdout=subprocess.PIPE, **environment)
    out, _ = process.communicate(timeout=120)
    return process.returncode, out


def messages(project):
    """All that was said on standard error so far."""
    return (project.folder / "messages.txt").read_text()


def wait_until(condition, what, seconds=60):
    """Wait for something to become true, and return it."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return found


def store_of(project):
    """The project's store."""
    return Store.open(project.folder / ".headrace", create=False)


def is_alive(pid):
    """Whether a process runs, zombies not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def children(pid):
    """The living children of a process."""
    try:
        return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def below(pid):
    """All living processes below one, whichever thread started them."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        try:
            found += [int(text) for text in (task / "children").read_text().split()]
        except OSError:
            continue
    return [*found, *(deeper for child in found for deeper in below(child))]

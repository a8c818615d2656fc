"""Ending without a failed request: the listener closes first, each open connection gets one more answer, then none.

A keep-alive client sends its next request without asking, so a server that closes idle connections when it is told to
stop cuts some of them off in that moment. Here an answer says `connection: close` first, and the client leaves.
"""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["num_connections", "stop_listening"]


def _sockets(port: int) -> list[tuple[int, bool]]:
    """(descriptor, whether it listens) of this process's TCP sockets on a port."""
    found = []
    for number in [int(entry.name) for entry in Path("/dev/fd").iterdir()]:
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(number).st_mode):
                continue
            with socket.socket(fileno=os.dup(number)) as one:
                if one.family in (socket.AF_INET, socket.AF_INET6) and one.getsockname()[1] == port:
                    found.append((number, bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))))
    return found


def stop_listening(port: int) -> None:
    """Refuse new connections while those that are open go on.

    The server keeps its listener's descriptor, which from now on is a socket nobody can reach: it waits on it in vain
    instead of finding an error. Cost: about 5 us a descriptor.
    """
    for number, listens in _sockets(port):
        if listens:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as nothing:
                os.dup2(nothing.fileno(), number, inheritable=False)


def num_connections(port: int) -> int:
    """How many connections to this port are open in this process."""
    count = 0
    for number, listens in _sockets(port):
        if not listens:
            with suppress(OSError), socket.socket(fileno=os.dup(number)) as one:
                one.getpeername()  # bound alone, as the port's holder is, it has no peer
                count += 1
    return count

"""Ending without a failed request: the listener closes first, each open connection gets one more answer, then none.

A keep-alive client sends its next request without asking, so a server that closes idle connections when it is told to
stop cuts some of them off in that moment. Here an answer says `connection: close` first, and the client leaves. It may
come back at once, so by then no worker may listen any more: a connection that the kernel has taken and no worker has
accepted is reset when the listener closes.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["num_connections", "num_unaccepted", "stop_listening"]

# Where struct tcp_info has tcpi_unacked: of a listener it is the length of its queue (linux/tcp.h, tcp_get_info).
_UNACKED = slice(24, 28)


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


def num_unaccepted(port: int) -> int:
    """How many connections the kernel has taken for us and the server has not accepted yet; 0 where it cannot say."""
    count = 0
    for number, listens in _sockets(port):
        if listens and sys.platform == "linux":
            with suppress(OSError), socket.socket(fileno=os.dup(number)) as one:
                info = one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
                count += int.from_bytes(info[_UNACKED], sys.byteorder)
    return count


def num_connections(port: int) -> int:
    """How many connections to this port are open in this process."""
    count = 0
    for number, listens in _sockets(port):
        if not listens:
            with suppress(OSError), socket.socket(fileno=os.dup(number)) as one:
                one.getpeername()  # bound alone, as the port's holder is, it has no peer
                count += 1
    return count

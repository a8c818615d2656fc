"""Servers that are there and fail: one that says nothing, and a way to a real one that stops or is cut midway."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["between", "listening"]


@contextmanager
def listening() -> Iterator[str]:
    """host:port of a server that accepts, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def between(url: str, *, stall_after_bytes: int = 0, cut_after_bytes: int = 0, times: int = 1) -> Iterator[str]:
    """The URL of a way to the server at `url`: of one connection only so many bytes of answers come through.

    Parameters
    ----------
    url : str
        host:port, with or without what a URL has around it.
    stall_after_bytes, cut_after_bytes : int
        After as many the connection is silent for ever, or closed; 0 = never.
    times : int
        How many connections that happens to; the others pass.
    """
    found = re.search(r"([0-9.]+):(\d+)", url)
    assert found is not None
    left, lock = [times], threading.Lock()
    is_over = threading.Event()

    def pump(source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        num_bytes, most = 0, stall_after_bytes or cut_after_bytes
        with suppress(OSError):
            while data := source.recv(1 << 16):
                num_bytes += len(data)
                if is_answer and most and num_bytes > most:
                    with lock:
                        is_chosen, left[0] = left[0] > 0, left[0] - 1
                    if is_chosen and stall_after_bytes:
                        is_over.wait()
                        break
                    if is_chosen:
                        break
                    most = 0
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                near, _ = server.accept()
                far = socket.create_connection((found[1], int(found[2])))
                for source, target, is_answer in ((near, far, False), (far, near, True)):
                    threading.Thread(target=pump, args=(source, target, is_answer), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        try:
            yield url.replace(found[0], f"127.0.0.1:{server.getsockname()[1]}")
        finally:
            is_over.set()
            server.shutdown(socket.SHUT_RDWR)

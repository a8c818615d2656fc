"""Servers that say what a test has written down, to the byte."""

import socket
import threading
import time
from contextlib import contextmanager

from tests.serving.conftest import pushed

__all__ = ["pushed", "says", "saying"]


def says(body: bytes = b'{"models": []}', status: str = "200 OK", *more: str) -> bytes:
    """One answer."""
    return "\r\n".join((f"HTTP/1.1 {status}", f"content-length: {len(body)}", *more, "\r\n")).encode() + body


@contextmanager
def saying(*connections):
    """A server; each connection it accepts gets the next list of answers, one a request, and is then closed.

    An answer is bytes, or a number of seconds to say nothing. Yields (url, the heads of the requests that came).
    """
    requests = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        is_over = threading.Event()

        def run():
            waiting = list(connections)
            while waiting and not is_over.is_set():
                try:
                    opened, _ = server.accept()
                except TimeoutError:
                    continue
                with opened:
                    for answer in waiting.pop(0):
                        head = _read(opened)
                        if head is None:
                            break
                        requests.append(head)
                        if isinstance(answer, bytes):
                            opened.sendall(answer)
                        else:
                            is_over.wait(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", requests
        finally:
            is_over.set()
            thread.join(10)


def _read(opened):
    """The head of one request, its body read too; None where the client left."""
    data = b""
    opened.settimeout(10)
    while b"\r\n\r\n" not in data:
        try:
            more = opened.recv(65536)
        except OSError:
            return None
        if not more:
            return None
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    length = int(lines.get("content-length", 0))
    end = time.monotonic() + 10
    while len(body) < length and time.monotonic() < end:
        body += opened.recv(65536)
    return {**lines, "line": head.decode().split("\r\n")[0], "body": body}

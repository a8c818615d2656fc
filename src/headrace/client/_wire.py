"""HTTP/1.1 as bytes: requests written, answers read as they come; nothing here opens or waits for anything.

Not the standard library's `http.client`, which has no half for asyncio and takes longer for one row than the server
does. Source: RFC 9112, sections 2 to 7.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from headrace.errors import InvalidInput, RequestFailed

__all__ = ["Answer", "Place", "Reading", "write_request"]

_MOST_HEAD_BYTES = 64 * 1024
_NO_BODY = (204, 304)


@dataclass(frozen=True)
class Place:
    """Where a server is: `Place.of("https://models.example.org/late")`.

    Parameters
    ----------
    host, port
        What is connected to.
    path : str
        What goes before every path, without a slash at its end.
    is_secure : bool
        Whether by TLS.
    """

    host: str
    port: int
    path: str
    is_secure: bool

    @classmethod
    def of(cls, url: str) -> Place:
        """Read a URL. Raises InvalidInput for what is none of http or https.

        >>> Place.of("http://localhost:8501/")
        Place(host='localhost', port=8501, path='', is_secure=False)
        """
        expected = '"http://localhost:8501", or https'
        try:
            parts = urlsplit(url)
            port = parts.port
        except (ValueError, AttributeError) as error:
            raise InvalidInput(f"{str(url)[:100]!r} is no URL: {error}", where="Client", expected=expected) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput(f"{url[:100]!r} is no URL of a server", where="Client", expected=expected)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise InvalidInput(
                "a URL with more than a place", where="Client", expected=expected, fix="token= is a secret"
            )
        is_secure = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if is_secure else 80), parts.path.rstrip("/"), is_secure)

    @property
    def authority(self) -> str:
        """What the header `host` says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_secure else 80) else f"{host}:{self.port}"

    def context(self, given: ssl.SSLContext | None) -> ssl.SSLContext | None:
        """How TLS is spoken there: as was given, or with the machine's own authorities; None where it is not."""
        return (given or ssl.create_default_context()) if self.is_secure else None


@dataclass(frozen=True)
class Answer:
    """What a server said: status, headers by their names in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes


def write_request(place: Place, method: str, path: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """A whole request. Raises InvalidInput for a header that would end the line it is on."""
    lines = [f"{method} {place.path}{path} HTTP/1.1", f"host: {place.authority}"]
    for name, value in headers:
        if not value.isprintable() or not value.isascii():
            raise InvalidInput(f"the value of header {name!r} has characters that no header may", where="Client")
        lines.append(f"{name}: {value}")
    if method != "GET":
        lines.append(f"content-length: {len(body)}")
    return "\r\n".join((*lines, "\r\n")).encode() + body


class Reading:
    """One answer, as its bytes come.

    `feed` takes what arrived and gives the answer once it is whole; `end` says that nothing will come any more.
    `num_bytes` counts what came, `keeps` says whether the connection may be asked again.
    """

    def __init__(self) -> None:
        self.num_bytes = 0
        self.keeps = True
        self._data = bytearray()
        self._head: tuple[int, dict[str, str]] | None = None
        self._length: int | None = None  # of the body; None = chunked, or to the end of the connection
        self._is_chunked = False
        self._parts: list[bytes] = []

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes; the answer where it is whole. Raises RequestFailed for what is no HTTP."""
        self.num_bytes += len(data)
        self._data += data
        if self._head is None and not self._read_head():
            return None
        assert self._head is not None
        if self._is_chunked:
            return self._whole() if self._read_chunks() else None
        if self._length is None or len(self._data) < self._length:
            return None
        self._parts.append(bytes(self._data[: self._length]))
        if len(self._data) > self._length:
            self.keeps = False  # more than was announced: whatever it is, it is no answer to what is asked next
        return self._whole()

    def end(self) -> Answer | None:
        """The connection ended: the answer, where its end is how its length is told; None where it was cut off."""
        if self._head is None or self._is_chunked or self._length is not None:
            return None
        self.keeps = False
        self._parts.append(bytes(self._data))
        return self._whole()

    def _whole(self) -> Answer:
        assert self._head is not None
        return Answer(*self._head, b"".join(self._parts))

    def _read_head(self) -> bool:
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            if len(self._data) > _MOST_HEAD_BYTES:
                raise _not_http("headers without an end")
            return False
        first, *lines = self._data[:end].decode("latin-1").split("\r\n")
        del self._data[: end + 4]
        version, _, rest = first.partition(" ")
        if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdigit():
            raise _not_http(first)
        status = int(rest[:3])
        if status < 200:  # 100 Continue: the answer is still to come
            return bool(self._data) and self._read_head()
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        self._head = status, headers
        self.keeps = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        self._is_chunked = headers.get("transfer-encoding", "").lower() == "chunked"
        length = headers.get("content-length")
        if status in _NO_BODY:
            self._length = 0
        elif length is not None and not self._is_chunked:
            if not length.isdigit():
                raise _not_http(f"content-length: {length}")
            self._length = int(length)
        return True

    def _read_chunks(self) -> bool:
        while True:
            end = self._data.find(b"\r\n")
            if end < 0:
                return False
            try:
                size = int(bytes(self._data[:end]).partition(b";")[0], 16)
            except ValueError:
                raise _not_http("a chunk without its size") from None
            if size < 0:
                raise _not_http("a chunk of fewer bytes than none")
            if len(self._data) < end + 2 + size + 2:
                return False
            if size == 0:
                return True
            self._parts.append(bytes(self._data[end + 2 : end + 2 + size]))
            del self._data[: end + 2 + size + 2]


def _not_http(what: str) -> RequestFailed:
    return RequestFailed(f"the server speaks no HTTP/1.1: {what[:100]!r}", where="Client", status=0)

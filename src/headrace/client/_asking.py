"""Asking: what both clients are and do alike, whichever way they wait."""

from __future__ import annotations

import ssl
from typing import Generic, Protocol, TypeVar

from headrace.client._attempts import Attempts
from headrace.client._calls import token_of
from headrace.client._wire import Answer, Place, Reading
from headrace.model import Codec

__all__ = ["PIECE_BYTES", "Asking", "drop", "heard"]

PIECE_BYTES = 256 * 1024


class _Line(Protocol):
    """One connection."""

    was_used: bool

    def close(self) -> None:
        """End it."""


L = TypeVar("L", bound=_Line)


class Asking(Generic[L]):
    """Where a client asks, and the connections and columns that it keeps; parameters as `Client` says."""

    def __init__(
        self, url: str, *, token: str | None, timeout_s: float, retries: int, ssl_context: ssl.SSLContext | None
    ) -> None:
        self._place, self._token = Place.of(url), token_of(token)
        self._timeout_s, self._retries = timeout_s, retries
        self._context = self._place.context(ssl_context)
        self._idle: list[L] = []
        self._codecs: dict[str, Codec] = {}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._place.authority}>"

    def _attempts(self, timeout_s: float | None) -> Attempts:
        return Attempts(self._timeout_s if timeout_s is None else timeout_s, self._retries)

    def _keep(self, line: L, reading: Reading) -> None:
        """Keep a connection that has answered, where the server does."""
        if reading.keeps:
            line.was_used = True
            self._idle.append(line)
        else:
            line.close()

    def _after_break(self, line: L | None, error: OSError | EOFError, attempts: Attempts, reading: Reading) -> float:
        """How long to wait after a connection that broke, which is closed; raises as `Attempts.after_break` does."""
        was_used = line is not None and line.was_used
        drop(line)
        return attempts.after_break(error, reading.num_bytes, was_used=was_used)


def drop(line: _Line | None) -> None:
    """End a connection, if there is one: what is half read is nobody's any more."""
    if line is not None:
        line.close()


def heard(data: bytes, reading: Reading) -> Answer | None:
    """The answer, once its last byte is there. Raises EOFError where the connection ends before."""
    answer = reading.feed(data) if data else reading.end()
    if answer is None and not data:
        raise EOFError("the connection was closed")
    return answer

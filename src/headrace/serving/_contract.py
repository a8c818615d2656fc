"""What a protocol is: a translator between a client's bytes and the serving core, with no state of its own.

A protocol owns every path under its `prefix`. It is handed a whole request and returns a whole answer; it raises
InvalidRequest for the caller's faults and UnknownName for an endpoint or version that is not there, and
the HTTP door turns those into status 400 and 404 with `{"error": "..."}`. It never sees a socket, and it never
hands a client's value to a model: only the model's codec does that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from headrace.serving.core import Serving

__all__ = ["Answer", "Protocol", "Request"]


@dataclass(frozen=True, slots=True)
class Request:
    """One request, whole.

    Parameters
    ----------
    method : str
        GET or POST, in capitals.
    path : str
        The path alone, still percent-encoded as the client sent it.
    body : bytes
        The body; empty for GET.
    """

    method: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, whole: HTTP's status, the body, and its media type."""

    status: int
    body: bytes
    media_type: str = "application/json"


class Protocol(ABC):
    """The contract; see the module's docstring."""

    prefix: ClassVar[str]

    @abstractmethod
    def answer(self, serving: Serving, request: Request) -> Answer | None:
        """The answer, or None when no route of this protocol has that path (the door answers 404).

        Raises InvalidRequest and UnknownName; anything else is a fault of ours and is answered with status 500.
        """

"""What a protocol is: a translator between a client's bytes and the serving core, with no state of its own.

A protocol owns every path under its `prefixes`. It is handed a whole request and returns a whole answer; it raises
InvalidRequest for the caller's faults and UnknownName for an endpoint or version that is not there, and
the HTTP door turns those into status 400 and 404 with `{"error": "..."}`. It never sees a socket, and it never
hands a client's value to a model: only the model's codec does that.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from time import perf_counter_ns
from types import MappingProxyType
from typing import ClassVar, NamedTuple
from typing import Protocol as Protocol_

from headrace.access import Person
from headrace.errors import InvalidRequest
from headrace.serving._credentials import EVERYBODY
from headrace.serving.core import Serving
from headrace.serving.tracing import Trace

__all__ = ["Answer", "Headers", "Listener", "Protocol", "Request", "Tracer"]


class Headers(Protocol_):
    """What a door has of a request's headers."""

    def get(self, name: str, /) -> str | None:
        """The value of a header, its name in lower case; None where it was not sent."""


_NO_HEADERS: Headers = MappingProxyType({})

# Named tuples, because one of each is made for every request: a frozen dataclass takes three times as long to make.


class Request(NamedTuple):
    """One request, whole.

    Parameters
    ----------
    method : str
        GET or POST, in capitals.
    path : str
        The path alone, still percent-encoded as the client sent it.
    body : bytes
        The body; empty for GET.
    started_ns : int
        When it came, by `time.perf_counter_ns`.
    headers : object with `get(name) -> str or None`
        The headers, asked for by their names in lower case.
    person : Person
        Who sent it; the door has seen to it that the Serving handed over with it holds only what they may ask.
    trace : Trace, optional
        Where it is noted what is done for it.
    """

    method: str
    path: str
    body: bytes
    started_ns: int = 0
    headers: Headers = _NO_HEADERS
    person: Person = EVERYBODY
    trace: Trace | None = None

    @property
    def who(self) -> tuple[int, str, Trace | None]:
        """The last of what an `Asking` holds: until when its caller waits, who that is, and where it is noted.

        Raises as `deadline_ns` does.
        """
        return self.deadline_ns, self.person.name, self.trace

    @property
    def unit(self) -> str:
        """The header `headrace-unit`: what is to stay with one version; "" without it."""
        return self.headers.get("headrace-unit") or ""

    @property
    def deadline_ns(self) -> int:
        """When its caller no longer waits, by the clock of `started_ns`: the header `headrace-timeout-ms` said it.

        0 without it.
        Raises InvalidRequest for what is no number of milliseconds.
        """
        text = self.headers.get("headrace-timeout-ms")
        if text is None:
            return 0
        if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) == 0:
            raise InvalidRequest(
                f"the header headrace-timeout-ms is {text[:40]!r}", expected="a number of milliseconds, 1 and more"
            )
        return (self.started_ns or perf_counter_ns()) + int(text) * 1_000_000


class Answer(NamedTuple):
    """One answer, whole: HTTP's status, the body, its media type, and further headers, names in lower case."""

    status: int
    body: bytes
    media_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class Protocol(ABC):
    """The contract; see the module's docstring."""

    prefixes: ClassVar[tuple[str, ...]]
    role: ClassVar[str] = "client"  # whoever may ask it has this role, or one above it: see `headrace.access`
    routes: ClassVar[tuple[str, ...]] = ()  # "POST /v1/models/NAME:predict", for whoever asks for one there is not

    @abstractmethod
    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """The answer, or None when no route of this protocol has that path (the door answers 404).

        What has to wait, for the disk say, is awaited by the door; it must not raise.

        Raises InvalidRequest and UnknownName; anything else is a fault of ours and is answered with status 500.
        """


class Listener(ABC):
    """Another server in each worker, beside HTTP and over the same endpoints, for what HTTP's door cannot carry.

    It is made with the worker's door, `host`, `port`, `body_bytes`, `timeout_s` (how long a message may take to come)
    and `tls` (the files of certificate, key and clients' authority, or None), answers on threads of its own, and lets
    nobody call a method, but those that say whether it is alive and ready, whom the door's `credentials` do not know.
    """

    @abstractmethod
    def start(self) -> None:
        """Take calls from now on."""

    @abstractmethod
    def stop(self, grace_s: float) -> None:
        """Take no new call, finish those that run, for at most that long, and end."""


class Tracer(ABC):
    """Tells somebody outside of the requests of one worker.

    It is made, without arguments but `worker`, the worker's number, on the thread of the worker's loop, where the
    setting `otel` asks for it.
    """

    @abstractmethod
    def take(self, trace: Trace) -> None:
        """Take one request that is answered. It never blocks and never raises: what it has no room for is dropped."""

    @abstractmethod
    def close(self) -> None:
        """Tell what is left, within two seconds, and end."""

"""Tracing: when each part of answering a request began and ended, noted as it happens, for a tracer to tell of later.

A server traces where its setting `otel` says so (`headrace.adapters.otel`); otherwise there is no `Trace`, and what
would note something looks at one None. Noting is two readings of the clock a part: spans are made of it on another
thread, after the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, TypeVar

__all__ = ["Trace"]

T = TypeVar("T")


class Trace:
    """One request's parts.

    Parameters
    ----------
    protocol : str
        "http" or "grpc".
    method, path : str
        As they were asked; of a call the path is its method and `method` is "".
    parent, state : str
        The headers `traceparent` and `tracestate` of W3C's Trace Context, as they came; "" without.
    started_ns : int
        When the request came, by `time.perf_counter_ns`.

    `parts` are (name, begin, end): receive, decode, queue, run, encode, as often as each was done. `served` is the
    version that answered, `facts` what its answer's headers say, `num_rows` how many predictions it has.
    """

    __slots__ = (
        "ended_ns",
        "endpoint",
        "facts",
        "method",
        "num_rows",
        "parent",
        "parts",
        "path",
        "protocol",
        "served",
        "started_ns",
        "state",
        "status",
    )

    def __init__(self, protocol: str, method: str, path: str, parent: str, state: str, started_ns: int) -> None:
        self.protocol, self.method, self.path = protocol, method, path
        self.parent, self.state = parent, state
        self.started_ns, self.ended_ns = started_ns, 0
        self.parts: list[tuple[str, int, int]] = []
        self.endpoint = ""
        self.served: Any = None
        self.facts: tuple[tuple[str, str], ...] = ()
        self.num_rows = 0
        self.status: Any = 0

    def mark(self, name: str, begun_ns: int, ended_ns: int = 0) -> None:
        """A part is done; without an end, now. Cost: 0.2 us."""
        self.parts.append((name, begun_ns, ended_ns or perf_counter_ns()))

    def writing(self, write: Callable[[Any], T]) -> Callable[[Any], T]:
        """`write`, noted, and with it what its reply says of who answered."""

        def noted(reply: Any) -> T:
            self.served, self.facts = reply.served, reply.headers
            self.num_rows = 0 if reply.prediction is None else len(reply.prediction)
            begun_ns = perf_counter_ns()
            try:
                return write(reply)
            finally:
                self.mark("encode", begun_ns)

        return noted

    def heard(self, waiting_ns: int) -> Callable[[int, int, int], None]:
        """What is told of a run that had to wait from then on."""

        def ran(begun_ns: int, ended_ns: int, _num_rows: int) -> None:
            self.mark("queue", waiting_ns, begun_ns)
            self.mark("run", begun_ns, ended_ns)

        return ran

"""Calls: what stands around every method: who waits for what, how much is let in, and whose fault an error is.

A call passes the same door as a request over HTTP: what is under way, the bytes of it, and how long that takes are
counted together with HTTP's, in the same bounds, and a call that there is no room for is answered at once, by a thread
of its own, with UNAVAILABLE. Quotas are asked where the endpoint is known (`headrace.serving.answering`). Either way
the trailing metadata say when to come back: `retry-after` in seconds, as over HTTP, and `grpc-retry-pushback-ms`, which
clients with a retry policy heed by themselves.

Source: gRPC proposal A6, "Client Retries", section "Pushback".
"""

from __future__ import annotations

import math
import threading
import time
import traceback
import uuid
from collections.abc import Callable
from time import perf_counter_ns, thread_time_ns
from typing import Any, NamedTuple

import grpc

from headrace.access import Person
from headrace.errors import DeadlineExceeded, InvalidInput, NotAccepted, TooManyRequests, UnknownName
from headrace.progress import say
from headrace.serving._credentials import Forbidden
from headrace.serving._memory import NotEnoughMemory
from headrace.serving.capacity import Capacity
from headrace.serving.core import Serving
from headrace.serving.running import CallerGone
from headrace.serving.tracing import Trace

__all__ = ["Call", "Patience", "deny", "guarded", "turn_away"]

CODES = grpc.StatusCode
_RUNNING = threading.BoundedSemaphore(4)
_LONGEST_S = 1e6  # grpcio says as much, or nothing, of a call without a deadline
_CODE_OF: dict[type[Exception], Any] = {
    Forbidden: CODES.PERMISSION_DENIED,
    UnknownName: CODES.NOT_FOUND,
    NotAccepted: CODES.UNAVAILABLE,
    InvalidInput: CODES.INVALID_ARGUMENT,
    DeadlineExceeded: CODES.DEADLINE_EXCEEDED,
    NotEnoughMemory: CODES.RESOURCE_EXHAUSTED,
}


class Call(NamedTuple):
    """One call, whole.

    Parameters
    ----------
    data : bytes
        Its message.
    context : grpc.ServicerContext
        Of grpcio.
    serving : Serving
        What its caller may ask.
    person : Person
        Who called.
    started_ns : int
        When it came, by `time.perf_counter_ns`.
    trace : Trace, optional
        Where it is noted what is done for it.
    """

    data: bytes
    context: Any
    serving: Serving
    person: Person
    started_ns: int
    trace: Trace | None = None

    @property
    def deadline_ns(self) -> int:
        """When its caller no longer waits, by the clock of `started_ns`; 0 where it did not say."""
        left_s = _left_s(self.context)
        return 0 if left_s is None else perf_counter_ns() + int(left_s * 1e9)


def _left_s(context: Any) -> float | None:
    left_s: float | None = context.time_remaining()
    return None if left_s is None or left_s > _LONGEST_S else max(0.0, left_s)


def deny(_requests: Any, context: Any) -> bytes:
    """Answer whoever may not call."""
    context.abort(CODES.UNAUTHENTICATED, "a token is needed: authorization: Bearer ...")
    return b""


def turn_away(_requests: Any, context: Any) -> bytes:
    """Answer whom there is no room for."""
    _abort(context, _full())
    return b""


def _full() -> TooManyRequests:
    return TooManyRequests(
        "more requests wait than can be answered soon", retry_after_s=1.0, status=503, fix="come back in a second"
    )


def _abort(context: Any, error: TooManyRequests) -> None:
    seconds = max(0.001, error.retry_after_s)
    hints = (("retry-after", str(math.ceil(seconds))), ("grpc-retry-pushback-ms", str(math.ceil(seconds * 1e3))))
    context.set_trailing_metadata(hints)
    context.abort(CODES.RESOURCE_EXHAUSTED if error.status == 429 else CODES.UNAVAILABLE, str(error))


class Patience:
    """Ends calls whose message does not come in time: a thread waits for each, and there are not endlessly many.

    Parameters
    ----------
    timeout_s : float
        How long a message may take to come.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waiting: dict[int, tuple[float, Any]] = {}
        self._is_over = threading.Event()

    def start(self) -> None:
        """Watch from now on."""
        threading.Thread(target=self._watch, name="grpc-patience", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._is_over.set()

    def _watch(self) -> None:
        while not self._is_over.wait(min(1.0, self._timeout_s / 4)):
            now = time.monotonic()
            for key, (until, context) in list(self._waiting.items()):
                if until < now and self._waiting.pop(key, None) is not None:
                    context.cancel()

    def read(self, requests: Any, context: Any) -> bytes | None:
        """The message; None where none came, or its caller is gone. Cost: 1 us."""
        key = id(context)
        self._waiting[key] = (time.monotonic() + self._timeout_s, context)
        try:
            data: bytes | None = next(requests, None)
        except Exception:  # grpcio raises its bare class where the call was ended meanwhile
            return None
        finally:
            self._waiting.pop(key, None)
        return data


def guarded(
    answer: Callable[[Call], bytes],
    serving: Serving,
    person: Person,
    patience: Patience | None,
    capacity: Capacity | None,
    trace: Trace | None = None,
) -> Callable[[Any, Any], bytes]:
    """A method with the boundary between the caller's fault and ours around it.

    Parameters
    ----------
    answer : callable
        The method.
    serving, person : Serving, Person
        Who called, and what they may ask.
    patience : Patience or None
        Reads the message; None = the method has none worth waiting for.
    capacity : Capacity or None
        Which the call has entered; it is left when the call is done.
    trace : Trace, optional
        Of the call; the server's tracer is given it when the call is done.
    """
    started_ns = perf_counter_ns()

    def run(requests: Any, context: Any) -> bytes:
        num_bytes = worked_ns = 0
        try:
            data = b"" if patience is None else patience.read(requests, context)
            received_ns = perf_counter_ns()
            if trace is not None:
                trace.mark("receive", started_ns, received_ns)
            if data is None or _is_given_up(context, capacity):
                return b""
            call = Call(data, context, serving, person, started_ns, trace)
            if capacity is None:  # what is not counted is quick, and waits for none of those that are
                return answer(call)
            if not capacity.take(len(data)):
                raise _full()
            num_bytes = len(data)
            if not _RUNNING.acquire(timeout=_left_s(context)):
                raise _late(capacity)
            begun_ns = thread_time_ns()
            try:
                if _is_given_up(context, capacity):
                    return b""
                if trace is not None:
                    trace.mark("queue", received_ns)
                runner = serving.runner
                if runner is None:
                    return answer(call)
                with runner.droppable() as drop:
                    return answer(call) if context.add_callback(drop) else b""
            finally:
                worked_ns = thread_time_ns() - begun_ns
                _RUNNING.release()
        except Exception as error:
            _fail(context, error, capacity)
            return b""
        finally:
            if capacity is not None:
                capacity.leave(num_bytes, worked_ns)
            if trace is not None:
                trace.status = context.code() or (CODES.OK if context.is_active() else CODES.CANCELLED)
                trace.ended_ns = perf_counter_ns()
                serving.tracer.take(trace)

    return run


def _is_given_up(context: Any, capacity: Capacity | None) -> bool:
    """Whether the caller is gone. Raises DeadlineExceeded, counted, where its time is over."""
    if _left_s(context) == 0.0:
        raise _late(capacity)
    return not context.is_active()


def _late(capacity: Capacity | None) -> DeadlineExceeded:
    if capacity is not None:
        capacity.turn_away("time")
    return DeadlineExceeded(
        "the call waited too long: its time was over before it was its turn",
        fix="ask again later, or allow it longer",
    )


def _fail(context: Any, error: Exception, capacity: Capacity | None) -> None:
    """Tell the caller of an error."""
    if isinstance(error, CallerGone):
        return
    for kind, code in _CODE_OF.items():
        if isinstance(error, kind):
            context.abort(code, str(error))
    if isinstance(error, TooManyRequests):
        if error.status == 429 and capacity is not None:
            capacity.turn_away("quota")
        _abort(context, error)
    if context.code() is not None:  # ended on purpose
        raise error
    number = uuid.uuid4().hex[:12]
    say(f"request {number} failed", request_id=number, details="".join(traceback.format_exception(error)))
    context.abort(CODES.INTERNAL, f"internal error {number}; the server's log has the details")

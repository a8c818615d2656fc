"""Answering: what every protocol does between reading a request and writing its answer, in one place.

A protocol hands over two functions: `read`, which makes lanes of the request with the codec of the version that is to
answer, and `write`, which makes the client's answer of a `Reply`. Which version that is, whether traffic is divided,
what is written to the request log, and when the model runs, is settled here, the same for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any, TypeVar

from headrace.errors import InvalidInput
from headrace.serving.core import Served, Serving
from headrace.serving.enforcing import read_allowed
from headrace.serving.exchange import Asking, Reply
from headrace.serving.routed import ask_routed
from headrace.serving.running import status_of
from headrace.serving.tracing import Trace

__all__ = ["ask"]

T = TypeVar("T")


def ask(serving: Serving, asking: Asking, write: Callable[[Reply], T]) -> T | Awaitable[T]:
    """Answer one request; what may have to wait is awaited.

    Raises UnknownName where there is no such endpoint or version, InvalidRequest for a label that it does not have,
    NotAccepted where none of its versions can be served, TooManyRequests where a quota is used up, DeadlineExceeded
    where it could not be answered in time. A request that a version cannot read is no exception but a reply with a
    problem, since it is logged and carries headers. What is awaited raises the same.
    """
    is_chosen = asking.version is not None or bool(asking.label)
    served = serving.find(asking.endpoint, asking.version, asking.label) if is_chosen else serving.get(asking.endpoint)
    if serving.quotas is not None:  # only now: whoever may not ask an endpoint must not use up its quota
        serving.quotas.take(asking.endpoint, asking.caller)
    trace = asking.trace
    if trace is not None:
        trace.endpoint, write = served.endpoint, trace.writing(write)
    route = None if is_chosen else serving.routes.get(served.endpoint)
    if route is not None:
        return ask_routed(serving, route, asking, write)
    try:
        lanes = read_allowed(serving, asking, served)
    except InvalidInput as error:
        return write(_reply(serving, served, asking, 400, None, None, error))
    except BaseException:
        serving.note(served, asking.started_ns, 500)
        raise
    runner = serving.runner
    if runner is not None:
        num_rows = len(next(iter(lanes.values())))
        way = runner.way(served, num_rows, serving.num_others)
        if way is not None:
            return _later(way, serving, served, asking, lanes, num_rows, write)
    return _finish(serving, served, asking, lanes, write, serving.run if trace is None else _traced(serving, trace))


def _traced(serving: Serving, trace: Trace) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        begun_ns = perf_counter_ns()
        try:
            return serving.run(*arguments)
        finally:
            trace.mark("run", begun_ns)

    return run


def _later(
    way: Callable[[Any], Any],
    serving: Serving,
    served: Served,
    asking: Asking,
    lanes: Any,
    num_rows: int,
    write: Callable[[Reply], T],
) -> Awaitable[T]:
    """Have it run with others, or on the thread."""

    def done(prediction: Any, error: BaseException | None) -> T:
        def given(*_: Any) -> Any:
            if error is not None:
                raise error
            return prediction

        return _finish(serving, served, asking, lanes, write, given)

    waiting: tuple[Any, ...] = (served, lanes, num_rows, asking.deadline_ns, done)
    if asking.trace is not None:
        waiting = (*waiting, asking.trace.heard(perf_counter_ns()))
    found: Awaitable[T] = way(waiting)
    return found


def _finish(
    serving: Serving, served: Served, asking: Asking, lanes: Any, write: Callable[[Reply], T], run: Callable[..., Any]
) -> T:
    """The answer of what `run` gives; whatever it raises is written down first."""
    try:
        prediction = run(served, lanes, asking.deadline_ns)
    except InvalidInput as error:
        return write(_reply(serving, served, asking, 400, None, None, error))
    except BaseException as error:
        serving.note(served, asking.started_ns, status_of(error), lanes)
        raise
    return write(_reply(serving, served, asking, 200, lanes, prediction, None))


def _reply(
    serving: Serving, served: Served, asking: Asking, status: int, lanes: Any, prediction: Any, problem: Any
) -> Reply:
    identity = serving.note(served, asking.started_ns, status, lanes, prediction)
    return Reply(served, prediction, (*served.headers, ("headrace-request-id", identity)), problem)

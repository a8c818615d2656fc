"""Answering: what every protocol does between reading a request and writing its answer, in one place.

A protocol hands over two functions: `read`, which makes lanes of the request with the codec of the version that is to
answer, and `write`, which makes the client's answer of a `Reply`. Which version that is, whether traffic is divided,
what is written to the request log, and when the model runs, is settled here, the same for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from headrace.errors import InvalidInput
from headrace.serving.core import Served, Serving
from headrace.serving.exchange import Asking, Reply, read_some
from headrace.serving.routed import ask_routed

__all__ = ["ask"]

T = TypeVar("T")


def ask(serving: Serving, asking: Asking, write: Callable[[Reply], T]) -> T | Awaitable[T]:
    """Answer one request; what may have to wait is awaited.

    Raises UnknownName where there is no such endpoint or version, InvalidRequest for a label that it does not have,
    NotAccepted where none of its versions can be served. A request
    that a version cannot read is no exception but a reply with a problem, since it is logged and carries headers.
    """
    if asking.version is not None or asking.label:
        return write(_ask(serving, serving.find(asking.endpoint, asking.version, asking.label), asking))
    served = serving.get(asking.endpoint)
    route = serving.routes.get(served.endpoint)
    if route is not None:
        return write(ask_routed(serving, route, asking))
    return write(_ask(serving, served, asking))


def _ask(serving: Serving, served: Served, asking: Asking) -> Reply:
    lanes, prediction, status, problem = None, None, 500, None
    try:
        lanes = read_some(asking, served)
        prediction = served.model.predict_lanes(lanes)["prediction"]
        status = 200
    except InvalidInput as error:
        status, lanes, problem = 400, None, error
    finally:
        identity = serving.note(served, asking.started_ns, status, lanes, prediction)
    return Reply(served, prediction, (*served.headers, ("headrace-request-id", identity)), problem)

"""The explain protocol: why a model answers rows as it does.

| route | answer |
|---|---|
| POST /v1/models/NAME:explain | `{"explanations": [...]}`, one a row, in order |

`/versions/N` and `/labels/LABEL` after the name explain that version; without them it is the one that serves, also
where traffic is divided (the header `headrace-version` says which it was). The body is that of `:predict`, in JSON or,
with its content-type, an Arrow stream, of at most 100 rows, because a row takes a hundred times as long as its answer;
a request counts in quotas as one for predictions does, and what is not done within the caller's time is given up.

An explanation has `method`, `output`, `base`, `contributions` by raw column, `rest`, the output under its name
(`margin` for trees) and `prediction`; for trees also `features`; for several classes `classes`, in whose order each
list of numbers is. What these are says `headrace.model.explaining`. It is computed beside the requests that are
answered, and is nothing that was answered: the request log does not have it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter_ns
from typing import Any, ClassVar

import orjson

from headrace.errors import DeadlineExceeded, InvalidRequest
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.address import MODELS, address_of
from headrace.serving.bodies import PredictBody
from headrace.serving.core import Served, Serving
from headrace.serving.ipc import MEDIA_TYPE, read_lanes
from headrace.serving.limits import check_rows

__all__ = ["Explain"]

_VERB = ":explain"
_MOST_ROWS = 100
_AT_A_TIME = 5  # rows between two looks at the clock
_MOST_NS = 30_000_000_000  # where the caller does not say how long it waits


class Explain(Protocol):
    """Explanations; see the module's docstring for the routes."""

    prefixes: ClassVar[tuple[str, ...]] = (MODELS,)
    routes: ClassVar[tuple[str, ...]] = tuple(
        f"POST {MODELS}NAME{which}{_VERB}" for which in ("", "/versions/N", "/labels/LABEL")
    )

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """One route."""
        if not request.path.endswith(_VERB):
            return None
        address = address_of(request.path)
        if address is None:
            return None
        served = serving.find(address.endpoint, address.version, address.label)
        if serving.quotas is not None:
            serving.quotas.take(served.endpoint, request.person.name)
        if request.method != "POST":
            told = {"error": f"only POST is answered here, with the body of {MODELS}{served.endpoint}:predict"}
            return Answer(405, orjson.dumps(told), headers=(("allow", "POST"),))
        lanes = _read(request, served)
        num_rows = len(next(iter(lanes.values())))
        if not num_rows:
            raise InvalidRequest("no row is asked about", expected="at least one row")
        check_rows(num_rows, _MOST_ROWS)

        deadline_ns = request.deadline_ns or request.started_ns + _MOST_NS

        def explain() -> Answer:
            found: list[dict[str, Any]] = []
            for first in range(0, num_rows, _AT_A_TIME):
                if request.started_ns and perf_counter_ns() > deadline_ns:
                    raise DeadlineExceeded(
                        f"{len(found)} of {num_rows} rows were explained in the time there was", fix="ask for fewer"
                    )
                some = {name: lane[first : first + _AT_A_TIME] for name, lane in lanes.items()}
                found += served.model.explainer.explain(some).to_plain()
            return Answer(200, orjson.dumps({"explanations": found}), headers=served.headers)

        return _beside(explain)


def _read(request: Request, served: Served) -> Any:
    if (request.headers.get("content-type") or "").startswith(MEDIA_TYPE):
        return read_lanes(request.body, served.model, _MOST_ROWS)
    return PredictBody(request.body, _MOST_ROWS).read(served)


def _beside(work: Callable[[], Answer]) -> Answer | Awaitable[Answer]:
    """Do it on a thread, so that nobody waits behind it; a large body is on one already."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return work()
    return loop.run_in_executor(None, work)

"""The row protocol: raw rows in JSON, as TensorFlow Serving's REST API has them.

| route | answer |
|---|---|
| POST /v1/models/NAME:predict | `{"predictions": [0.12, ...]}`, one a row, in order; `outputs` for columns |
| POST /v1/models/NAME:classify, :regress | `{"results": [...]}` for `examples` |
| POST /v1/models/NAME:reward | what an answered request was worth; see `headrace.serving.protocols.reward` |
| GET /v1/models | the endpoints there are, each with what its prediction means |
| GET /v1/models/NAME | the versions and their states, what the one served takes and answers |
| GET /v1/models/NAME/metadata | what the version served takes and answers, with its model's digest |

`/versions/N` or `/labels/LABEL` after the name asks that version alone, beside all traffic that is divided.

A row is an object of raw columns: `{"instances": [{"carrier": "AA", "dep_delay": null, ...}]}`. A column that is
missing is null where null is allowed; a column of the data that the model does not read, the label among them, may be
there and is not looked at; any other name, or a value of another type, is refused with status 400. A text that no row
of the data had is answered: new categories are a fact of life, and `headrace monitor` names them. Bodies are those of
`headrace.serving.bodies`.
Floats are written in the shortest form that reads back as the same float32; what is not finite is null, because JSON
has no such numbers: a client that wants them as TensorFlow Serving writes them, `NaN` and `Infinity`, says
`Accept: application/json; non-finite=bare`. An answer to a prediction carries the headers `headrace-version`, the
version all of it is from, and `headrace-request-id`, under which the request log has it. Where the endpoint's traffic
is divided, `headrace-table` and `headrace-propensity` say which table chose the version, and how probable that was; a
request that carries the header `headrace-unit` gets the same version as all that carry the same.

Source: TensorFlow Serving, RESTful API, sections "Model status API" to "Predict API".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

import orjson

from headrace.errors import InvalidInput
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.address import MODELS, Address, address_of
from headrace.serving.answering import ask
from headrace.serving.bodies import ExampleBody, PredictBody, write_classes
from headrace.serving.core import Served, Serving
from headrace.serving.describing import describe_all, describe_metadata, describe_status
from headrace.serving.exchange import Asking, Reply
from headrace.serving.protocols.reward import take_rewards
from headrace.serving.rows import write_predictions

__all__ = ["Row"]

_LIST = "/v1/models"
_PREDICT = ":predict"
_VERBS = ("predict", "classify", "regress")
_BARE = "non-finite=bare"
_BARE_TYPE = "application/json; non-finite=bare"


class Row(Protocol):
    """Raw rows in JSON; see the module's docstring for the routes."""

    prefixes: ClassVar[tuple[str, ...]] = (_LIST,)
    routes: ClassVar[tuple[str, ...]] = (
        "GET /v1/models",
        *(
            f"GET /v1/models/NAME{which}{page}"
            for which in ("", "/versions/N", "/labels/LABEL")
            for page in ("", "/metadata")
        ),
        *(f"POST /v1/models/NAME{which}:{verb}" for which in ("", "/versions/N", "/labels/LABEL") for verb in _VERBS),
        "POST /v1/models/NAME:reward",
    )

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """Route by method and path."""
        path = request.path
        if not path.startswith(MODELS):
            return _list(serving, request.method) if path == _LIST else None
        if path == MODELS:
            return _list(serving, request.method)
        address = address_of(path)
        if address is None:
            return None
        name, version, label, verb, is_metadata = address
        if verb not in ("", "reward", *_VERBS):
            return None
        if request.method == "POST":
            if not verb:
                return None if is_metadata else _not_asked(serving, name)
            if verb != "reward":
                return _ask(serving, request, address)
            if version is not None or label:
                return None
            return take_rewards(serving, request.body, serving.get(name).endpoint)
        if verb:
            return _method("POST", f"use POST: {_example(serving.get(name), verb)}")
        if not is_metadata:
            return Answer(200, orjson.dumps(describe_status(serving, name, version, label)))
        served = serving.find(name, version, label)
        return Answer(200, orjson.dumps(describe_metadata(served)), headers=served.headers)


def _not_asked(serving: Serving, name: str) -> Answer | None:
    if name in serving.endpoints:
        return _method("GET", f"to ask it: {_example(serving.get(name), 'predict')}")
    return None


def _method(allowed: str, advice: str) -> Answer:
    return Answer(
        405, orjson.dumps({"error": f"only {allowed} is answered here; {advice}"}), headers=(("allow", allowed),)
    )


def _example(served: Served, verb: str) -> str:
    """A request to copy: the columns in their places, the values to be filled in."""
    if verb == "reward":
        return f'POST {MODELS}{served.endpoint}:reward {{"request_id": "...", "reward": 1.0}}'
    columns = [column.name for column in served.model.columns]
    row = ", ".join(f'"{name}": ...' for name in columns[:5]) + (", ..." if len(columns) > 5 else "")
    key = "instances" if verb == "predict" else "examples"
    return f'POST {MODELS}{served.endpoint}:{verb} {{"{key}": [{{{row}}}]}}'


def _list(serving: Serving, method: str) -> Answer:
    if method != "GET":
        return _method("GET", f"to ask an endpoint: POST {MODELS}NAME{_PREDICT}")
    return Answer(200, orjson.dumps(describe_all(serving)))


def _ask(serving: Serving, request: Request, address: Address) -> Answer | Awaitable[Answer]:
    verb = address.verb
    accept = request.headers.get("accept")
    is_bare = accept is not None and _BARE in accept
    write: Callable[[Reply], bytes]
    if verb == "predict":
        rows = PredictBody(request.body, serving.max_rows)
        read = rows.read

        def write(reply: Reply) -> bytes:
            return write_predictions(reply.prediction, key=rows.key, is_bare=is_bare)

    else:
        read = ExampleBody(request.body, serving.max_rows, has_classes=verb == "classify").read

        def write(reply: Reply) -> bytes:
            if verb == "regress":
                return write_predictions(reply.prediction, key="results", is_bare=is_bare)
            classes = write_classes(reply.served, reply.prediction)
            return orjson.dumps({"results": classes}, option=orjson.OPT_SERIALIZE_NUMPY)

    def answer(reply: Reply) -> Answer:
        problem: InvalidInput | None = reply.problem
        if problem is None:
            media_type = _BARE_TYPE if is_bare else "application/json"
            return Answer(200, write(reply), media_type, reply.headers)
        return Answer(400, orjson.dumps({"error": str(problem)}), headers=reply.headers)

    unit = request.unit if serving.routes else ""
    asking = Asking(address.endpoint, read, request.started_ns, unit, address.version, address.label, *request.who)
    return ask(serving, asking, answer)

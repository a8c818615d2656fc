"""The row protocol: raw rows in JSON, in the shape TensorFlow Serving's REST API made common.

| route | answer |
|---|---|
| POST /v1/models/NAME:predict | `{"predictions": [0.12, ...]}`, one a row, in order |
| POST /v1/models/NAME:reward | what an answered request was worth; see `headrace.serving.protocols.reward` |
| GET /v1/models | the endpoints there are, each with what its prediction means |
| GET /v1/models/NAME | the version served, what it takes and answers; the one that was refused, if any, and why |
| GET /v1/models/NAME/metadata | the same of the version served, with its model's digest |

A row is an object of raw columns: `{"instances": [{"carrier": "AA", "dep_delay": null, ...}]}`. A column that is
missing is null where null is allowed; a column of the data that the model does not read, the label among them, may be
there and is not looked at; any other name, or a value of another type, is refused with status 400. A text that no row
of the data had is answered: new categories are a fact of life, and `headrace monitor` names them.
Floats are written in the shortest form that reads back as the same float32; what is not finite is null, because JSON
has no such numbers. An answer to `:predict` carries the headers `headrace-version`, the version all of it is from, and
`headrace-request-id`, under which the request log has it. Where the endpoint's traffic is divided, `headrace-table` and
`headrace-propensity` say which table chose the version, and how probable that was; a request that carries the header
`headrace-unit` gets the same version as all that carry the same.

Source: TensorFlow Serving, RESTful API, sections "Predict API" and "Model status API".
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar
from urllib.parse import unquote

import orjson

from headrace.errors import InvalidInput
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.core import Served, Serving
from headrace.serving.protocols.reward import take_rewards
from headrace.serving.routed import predict
from headrace.serving.rows import read_rows, write_predictions

__all__ = ["Row"]

_LIST = "/v1/models"
_MODELS = "/v1/models/"
_PREDICT = ":predict"
_REWARD = ":reward"


class Row(Protocol):
    """Raw rows in JSON; see the module's docstring for the routes."""

    prefix: ClassVar[str] = _LIST
    routes: ClassVar[tuple[str, ...]] = (
        "GET /v1/models",
        "GET /v1/models/NAME",
        "GET /v1/models/NAME/metadata",
        "POST /v1/models/NAME:predict",
        "POST /v1/models/NAME:reward",
    )

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """Route by method and path."""
        if not request.path.startswith(_MODELS):
            return _list(serving, request.method) if request.path == _LIST else None
        rest = request.path[len(_MODELS) :]
        name = rest[: -len(_PREDICT)] if rest.endswith(_PREDICT) else ""
        is_predict = name != "" and "/" not in name and ":" not in name
        if request.method == "POST":
            if is_predict:
                served = serving.get(_name(name))
                route = serving.routes.get(served.endpoint)
                if route is not None:
                    status, body, headers = predict(serving, route, request.body, request.unit, request.started_ns)
                    return Answer(status, body, headers=headers)
                return _predict(serving, served, request)
            if rest.endswith(_REWARD):
                return take_rewards(serving, request.body, serving.get(_name(rest[: -len(_REWARD)])).endpoint)
            if rest in serving.endpoints:
                return _method("GET", f"to ask it: {_example(serving.get(rest))}")
            return None
        if is_predict:
            return _method("POST", f"use POST: {_example(serving.get(_name(name)))}")
        if rest == "":
            return _list(serving, request.method)
        name, _, page = rest.partition("/")
        if page == "":
            return _status(serving, _name(name))
        if page == "metadata":
            return _metadata(serving.get(_name(name)))
        return None


def _name(text: str) -> str:
    return unquote(text) if "%" in text else text


def _method(allowed: str, advice: str) -> Answer:
    return Answer(
        405, orjson.dumps({"error": f"only {allowed} is answered here; {advice}"}), headers=(("allow", allowed),)
    )


def _example(served: Served) -> str:
    """A request to copy: the columns in their places, the values to be filled in."""
    columns = [column.name for column in served.model.columns]
    row = ", ".join(f'"{name}": ...' for name in columns[:5]) + (", ..." if len(columns) > 5 else "")
    return f'POST {_MODELS}{served.endpoint}{_PREDICT} {{"instances": [{{{row}}}]}}'


def _list(serving: Serving, method: str) -> Answer:
    if method != "GET":
        return _method("GET", f"to ask an endpoint: POST {_MODELS}NAME{_PREDICT}")
    found = [
        {"name": name, "version": str(one.version), "prediction": one.model.signature.meaning}
        for name, one in sorted(serving.endpoints.items())
    ]
    return Answer(200, orjson.dumps({"models": found}))


def _predict(serving: Serving, served: Served, request: Request) -> Answer:
    lanes, prediction, status = None, None, 500
    try:
        lanes = read_rows(served, request.body)
        prediction = served.model.predict_lanes(lanes)["prediction"]
        body = write_predictions(prediction)
        status = 200
    except InvalidInput as error:
        body, status, lanes = orjson.dumps({"error": str(error)}), 400, None
    finally:
        identity = serving.note(served, request.started_ns, status, lanes, prediction)
    return Answer(status, body, headers=(*served.headers, ("headrace-request-id", identity)))


def _status(serving: Serving, name: str) -> Answer:
    states = []
    served = serving.endpoints.get(name)
    refusal = serving.refused.get(name)
    if served is None and refusal is None:
        serving.get(name)  # says what there is
    if served is not None:
        states.append(_state(served.version, "AVAILABLE", "OK", ""))
    if refusal is not None:
        states.append(_state(refusal.version, "END", "FAILED_PRECONDITION", refusal.reason))
    described = {} if served is None else _described(served)
    return Answer(200, orjson.dumps({"model_version_status": states, **described}))


def _state(version: int, state: str, code: str, message: str) -> dict[str, Any]:
    return {"version": str(version), "state": state, "status": {"error_code": code, "error_message": message}}


def _described(served: Served) -> dict[str, Any]:
    """What it takes and what its answer means."""
    signature = served.model.signature
    return {
        "name": served.endpoint,
        "task": signature.task,
        "label": signature.label,
        "positive": signature.positive,
        "prediction": signature.meaning,
        **({"classes": signature.classes} if signature.classes else {}),
        "columns": [
            {"name": column.name, "kind": column.kind, "nullable": column.is_nullable} for column in signature.columns
        ],
    }


def _metadata(served: Served) -> Answer:
    body = {"version": str(served.version), "digest": served.digest, **_described(served)}
    return Answer(200, orjson.dumps(body), headers=served.headers)

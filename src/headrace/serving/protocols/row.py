"""The row protocol: raw rows in JSON, in the shape TensorFlow Serving's REST API made common.

| route | answer |
|---|---|
| POST /v1/models/NAME:predict | `{"predictions": [0.12, ...]}`, one a row, in order |
| GET /v1/models/NAME | the version served, and the one that was refused, if any, with the reason |
| GET /v1/models/NAME/metadata | the columns a row has, with kind and nullability |

A row is an object of raw columns: `{"instances": [{"carrier": "AA", "dep_delay": null, ...}]}`. A column that is
missing is null where null is allowed; an unknown column, or a value of another type, is refused with status 400.
Floats are written in the shortest form that reads back as the same float32; what is not finite is null, because JSON
has no such numbers. An answer to `:predict` carries the headers `headrace-version`, the version all of it is from, and
`headrace-request-id`, under which the request log has it.

Source: TensorFlow Serving, RESTful API, sections "Predict API" and "Model status API".
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import unquote

import orjson

from headrace.errors import InvalidInput, InvalidRequest
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.core import Served, Serving

__all__ = ["Row"]

_MODELS = "/v1/models/"
_PREDICT = ":predict"


class Row(Protocol):
    """Raw rows in JSON; see the module's docstring for the routes."""

    prefix: ClassVar[str] = _MODELS

    def answer(self, serving: Serving, request: Request) -> Answer | None:
        """Route by method and path."""
        rest = request.path[len(_MODELS) :]
        if request.method == "POST":
            name = rest[: -len(_PREDICT)]
            if not rest.endswith(_PREDICT) or "/" in name or ":" in name:
                return None
            return _predict(serving, serving.get(_name(name)), request)
        name, _, page = rest.partition("/")
        if page == "":
            return _status(serving, _name(name))
        if page == "metadata":
            return _metadata(serving.get(_name(name)))
        return None


def _name(text: str) -> str:
    return unquote(text) if "%" in text else text


def _predict(serving: Serving, served: Served, request: Request) -> Answer:
    lanes, prediction, status = None, None, 500
    try:
        lanes = served.model.codec.from_json(request.body)
        if not len(next(iter(lanes.values()))):
            raise InvalidRequest("'instances' is empty", expected="at least one row")
        prediction = served.model.predict_lanes(lanes)["prediction"]
        # Neither NaN nor infinity is JSON; orjson writes null for them.
        body = b'{"predictions":' + orjson.dumps(prediction, option=orjson.OPT_SERIALIZE_NUMPY) + b"}"
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
    return Answer(200, orjson.dumps({"model_version_status": states}))


def _state(version: int, state: str, code: str, message: str) -> dict[str, Any]:
    return {"version": str(version), "state": state, "status": {"error_code": code, "error_message": message}}


def _metadata(served: Served) -> Answer:
    columns: list[dict[str, Any]] = [
        {"name": column.name, "kind": column.kind, "nullable": column.is_nullable} for column in served.model.columns
    ]
    body = {"name": served.endpoint, "version": str(served.version), "digest": served.digest, "columns": columns}
    return Answer(200, orjson.dumps(body), headers=served.headers)

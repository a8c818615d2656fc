"""The row protocol: raw rows in JSON, in the shape TensorFlow Serving's REST API made common.

| route | answer |
|---|---|
| POST /v1/models/NAME:predict | `{"predictions": [0.12, ...]}`, one a row, in order |
| GET /v1/models/NAME | the version served and its state |
| GET /v1/models/NAME/metadata | the columns a row has, with kind and nullability |

A row is an object of raw columns: `{"instances": [{"carrier": "AA", "dep_delay": null, ...}]}`. A column that is
missing is null where null is allowed; an unknown column, or a value of another type, is refused with status 400.
Floats are written in the shortest form that reads back as the same float32.

Source: TensorFlow Serving, RESTful API, sections "Predict API" and "Model status API".
"""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import unquote

import numpy as np
import orjson

from headrace.errors import InvalidRequest
from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.core import Served, Serving

__all__ = ["Row"]

_MODELS = "/v1/models/"


class Row(Protocol):
    """Raw rows in JSON; see the module's docstring for the routes."""

    prefix: ClassVar[str] = _MODELS

    def answer(self, serving: Serving, request: Request) -> Answer | None:
        """Route by method and path."""
        rest = request.path[len(_MODELS) :]
        if request.method == "POST":
            name, colon, action = rest.rpartition(":")
            if not colon or action != "predict" or "/" in name:
                return None
            return _predict(serving.get(_name(name)), request.body)
        name, _, page = rest.partition("/")
        if page == "":
            return _status(serving.get(_name(name)))
        if page == "metadata":
            return _metadata(serving.get(_name(name)))
        return None


def _name(text: str) -> str:
    return unquote(text) if "%" in text else text


def _predict(served: Served, body: bytes) -> Answer:
    if not body:
        raise InvalidRequest("the body is empty", expected='{"instances": [{...}, ...]}')
    model = served.model
    lanes = model.codec.from_json(body)
    if not len(next(iter(lanes.values()))):
        raise InvalidRequest("'instances' is empty", expected="at least one row")
    outputs = model.predict_lanes(lanes)
    prediction = outputs["prediction"]
    if prediction.ndim == 2 and prediction.shape[1] == 1:
        prediction = prediction[:, 0]
    prediction = np.ascontiguousarray(prediction)
    if not np.isfinite(prediction).all():
        # JSON has no NaN; a strict client must be able to read every answer.
        values = [value if np.isfinite(value) else None for value in prediction.tolist()]
        return Answer(200, orjson.dumps({"predictions": values}))
    return Answer(200, b'{"predictions":' + orjson.dumps(prediction, option=orjson.OPT_SERIALIZE_NUMPY) + b"}")


def _status(served: Served) -> Answer:
    state = {
        "version": str(served.version),
        "state": "AVAILABLE",
        "status": {"error_code": "OK", "error_message": ""},
    }
    return Answer(200, orjson.dumps({"model_version_status": [state]}))


def _metadata(served: Served) -> Answer:
    columns: list[dict[str, Any]] = [
        {"name": column.name, "kind": column.kind, "nullable": column.is_nullable} for column in served.model.columns
    ]
    body = {"name": served.endpoint, "version": str(served.version), "digest": served.digest, "columns": columns}
    return Answer(200, orjson.dumps(body))

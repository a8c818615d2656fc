"""The Open Inference Protocol, version 2, over HTTP: what Triton, KServe and MLServer speak, and their clients.

| route | answer |
|---|---|
| GET /v2 | the server's name, version and extensions |
| GET /v2/health/live, /v2/health/ready | status 200, or 503 where requests are not taken now; no token is asked for |
| GET /v2/models/NAME[/versions/VERSION] | the tensors it takes and answers; a VERSION is a number or a label |
| GET /v2/models/NAME[/versions/VERSION]/ready | status 200, or 404, or 503 where no version can be served |
| POST /v2/models/NAME[/versions/VERSION]/infer | `prediction`, a value a row |

Each raw column is an input tensor of its own, of shape [N] or [N, 1]; `headrace.serving.columns` says which datatypes
it takes and how it says null. Data are JSON, flat or nested, or, with the header `Inference-Header-Content-Length`,
the JSON's bytes followed by the tensors' own (`binary_data_size` in an input's parameters; `binary_data` in an
output's, which counts for more than the request's `binary_data_output`). A header of 0 is a body of nothing but one
tensor, for a model of one column, answered in bytes. What is not finite is null in a JSON answer, since JSON has no
such numbers: ask for binary data where it matters.

A parameter that would change what an answer means and that is not done here is refused: shared memory, sequences,
classification. Others are for whoever stands between, and are not looked at. Errors are `{"error": "..."}`.

Source: Open Inference Protocol, `inference_rest.md`; Triton Inference Server, "Binary Tensor Data Extension".
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar
from urllib.parse import unquote

import orjson

from headrace.serving._contract import Answer, Protocol, Request
from headrace.serving.answering import ask
from headrace.serving.core import Serving
from headrace.serving.exchange import Asking, Reply
from headrace.serving.inference import Inference, describe_model, describe_server, which_of
from headrace.serving.tensors import datatype_of, write_raw

__all__ = ["V2"]

_MODELS = "/v2/models/"
_HEADER = "inference-header-content-length"


class V2(Protocol):
    """The Open Inference Protocol in JSON and binary; see the module's docstring for the routes."""

    prefixes: ClassVar[tuple[str, ...]] = ("/v2",)
    routes: ClassVar[tuple[str, ...]] = (
        "GET /v2",
        "GET /v2/health/live",
        "GET /v2/health/ready",
        "GET /v2/models/NAME",
        "GET /v2/models/NAME/ready",
        "POST /v2/models/NAME/infer",
    )

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """Route by path, then by method."""
        path = request.path
        if not path.startswith(_MODELS):
            return _get(request, describe_server()) if path in ("/v2", "/v2/") else None
        name, *rest = path[len(_MODELS) :].split("/")
        version = ""
        if len(rest) >= 2 and rest[0] == "versions":
            version, rest = unquote(rest[1]), rest[2:]
        page = rest[0] if rest else ""
        if not name or len(rest) > 1 or page not in ("", "ready", "infer"):
            return None
        name = unquote(name) if "%" in name else name
        if page == "infer":
            if request.method != "POST":
                return _other("POST")
            return _infer(serving, name, version, request)
        served = serving.find(name, *which_of(serving, name, version))
        if page == "ready":
            return _get(request, {"name": served.endpoint, "ready": True})
        return _get(request, describe_model(served))


def _other(allowed: str) -> Answer:
    return Answer(405, orjson.dumps({"error": f"only {allowed} is answered here"}), headers=(("allow", allowed),))


def _get(request: Request, plain: dict[str, Any]) -> Answer:
    return Answer(200, orjson.dumps(plain)) if request.method == "GET" else _other("GET")


def _infer(serving: Serving, name: str, version: str, request: Request) -> Answer | Awaitable[Answer]:
    number, label = which_of(serving, name, version)
    inference = Inference.of_http(request.body, request.headers.get(_HEADER), serving.max_rows)

    def write(reply: Reply) -> Answer:
        if reply.problem is not None:
            return Answer(400, orjson.dumps({"error": str(reply.problem)}), headers=reply.headers)
        return _write(inference, reply)

    unit = request.unit if serving.routes else ""
    return ask(serving, Asking(name, inference.lanes, request.started_ns, unit, number, label, *request.who), write)


def _write(inference: Inference, reply: Reply) -> Answer:
    prediction = reply.prediction
    told: dict[str, Any] = {"model_name": reply.served.endpoint, "model_version": str(reply.served.version)}
    if inference.id is not None:
        told["id"] = inference.id
    output: dict[str, Any] = {
        "name": "prediction",
        "datatype": datatype_of(prediction),
        "shape": list(prediction.shape),
    }
    told["outputs"] = [output]
    if not inference.is_binary_output:
        output["data"] = prediction.reshape(-1)
        return Answer(200, orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY), headers=reply.headers)
    data = write_raw(prediction)
    output["parameters"] = {"binary_data_size": len(data)}
    head = orjson.dumps(told)
    headers = (*reply.headers, (_HEADER, str(len(head))))
    return Answer(200, head + data, "application/octet-stream", headers)

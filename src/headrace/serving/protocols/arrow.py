"""The Arrow protocol: rows as an Arrow IPC stream, for callers who have columns.

| route | answer |
|---|---|
| POST /v1/models/NAME:predict, content-type `application/vnd.apache.arrow.stream` | a stream of one column |

`/versions/N` and `/labels/LABEL` after the name ask that version alone, as for rows.

The stream holds the raw columns, dictionaries and compressed buffers (LZ4, Zstandard) among what is read; the columns
are those of `headrace.model.Codec.from_batch`, and others are left alone. The answer is a stream of the column
`prediction` (float32), a row each in the order asked, unless `accept` names JSON and not Arrow: then it is that of
rows. The other way round, rows in JSON are answered as Arrow where `accept` asks for it.

A stream that is cut off, lies about itself, or would take more memory than 16 times its size (64 MiB are always
allowed) is refused with status 400. Headers are those of `headrace.serving.protocols.row`.

Source: Arrow columnar format, "IPC streaming format"; IANA, media type application/vnd.apache.arrow.stream.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

import orjson

from headrace.errors import InvalidInput
from headrace.serving._contract import Answer, Headers, Protocol, Request
from headrace.serving.address import MODELS, address_of
from headrace.serving.answering import ask
from headrace.serving.bodies import PredictBody
from headrace.serving.core import Served, Serving
from headrace.serving.exchange import Asking, Reply
from headrace.serving.ipc import MEDIA_TYPE, read_lanes, write_prediction
from headrace.serving.rows import write_predictions

__all__ = ["Arrow"]


class Arrow(Protocol):
    """Arrow streams; see the module's docstring. What is neither asked nor to be answered in Arrow is not its own."""

    prefixes: ClassVar[tuple[str, ...]] = (MODELS,)
    routes: ClassVar[tuple[str, ...]] = ()  # the row protocol names the one route

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """One route, where Arrow is spoken."""
        headers = request.headers
        is_asked = (headers.get("content-type") or "").startswith(MEDIA_TYPE)
        if not is_asked and MEDIA_TYPE not in (headers.get("accept") or ""):
            return None
        address = address_of(request.path) if request.method == "POST" else None
        if address is None or address.verb != "predict":
            return None
        unit = request.unit if serving.routes else ""
        body, most = request.body, serving.max_rows
        read: Callable[[Served], Any] = PredictBody(body, most).read
        if is_asked:

            def read(served: Served) -> Any:
                return read_lanes(body, served.model, most)

        write = _write_arrow if not is_asked or _wants_arrow(headers) else _write_json
        asking = Asking(address.endpoint, read, request.started_ns, unit, address.version, address.label, *request.who)
        return ask(serving, asking, write)


def _wants_arrow(headers: Headers) -> bool:
    accept = headers.get("accept") or ""
    return MEDIA_TYPE in accept or "application/json" not in accept


def _refused(problem: InvalidInput, headers: tuple[tuple[str, str], ...]) -> Answer:
    return Answer(400, orjson.dumps({"error": str(problem)}), headers=headers)


def _write_json(reply: Reply) -> Answer:
    if reply.problem is not None:
        return _refused(reply.problem, reply.headers)
    return Answer(200, write_predictions(reply.prediction), headers=reply.headers)


def _write_arrow(reply: Reply) -> Answer:
    if reply.problem is not None:
        return _refused(reply.problem, reply.headers)
    return Answer(200, write_prediction(reply.prediction), MEDIA_TYPE, reply.headers)

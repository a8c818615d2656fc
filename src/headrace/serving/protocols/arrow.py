"""The Arrow protocol: rows as an Arrow IPC stream, for callers who have columns.

| route | answer |
|---|---|
| POST /v1/models/NAME:predict, content-type `application/vnd.apache.arrow.stream` | a stream of one column |

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
from urllib.parse import unquote

import numpy as np
import orjson
import pyarrow as pa

from headrace.errors import InvalidInput, InvalidRequest, InvalidSchema, UnknownName
from headrace.serving._contract import Answer, Headers, Protocol, Request
from headrace.serving.answering import ask
from headrace.serving.core import Served, Serving
from headrace.serving.exchange import Asking, Reply
from headrace.serving.ipc import MEDIA_TYPE, read_stream, write_stream
from headrace.serving.rows import write_predictions

__all__ = ["Arrow"]

_MODELS = "/v1/models/"
_PREDICT = ":predict"


class Arrow(Protocol):
    """Arrow streams; see the module's docstring. What is neither asked nor to be answered in Arrow is not its own."""

    prefixes: ClassVar[tuple[str, ...]] = (_MODELS,)
    routes: ClassVar[tuple[str, ...]] = ()  # the row protocol names the one route

    def answer(self, serving: Serving, request: Request) -> Answer | Awaitable[Answer] | None:
        """One route, where Arrow is spoken."""
        headers = request.headers
        is_asked = (headers.get("content-type") or "").startswith(MEDIA_TYPE)
        if not is_asked and MEDIA_TYPE not in (headers.get("accept") or ""):
            return None
        if request.method != "POST" or not request.path.endswith(_PREDICT):
            return None
        name = unquote(request.path[len(_MODELS) : -len(_PREDICT)])
        if not name or "/" in name or ":" in name:
            return None
        unit = request.unit if serving.routes else ""
        read = _of_stream(request.body) if is_asked else _of_json(request.body)
        write = _write_arrow if not is_asked or _wants_arrow(headers) else _write_json
        return ask(serving, Asking(name, read, request.started_ns, unit), write)


def _wants_arrow(headers: Headers) -> bool:
    accept = headers.get("accept") or ""
    return MEDIA_TYPE in accept or "application/json" not in accept


def _of_json(body: bytes) -> Callable[[Served], Any]:
    return lambda served: served.model.codec.from_json(body)


def _of_stream(body: bytes) -> Callable[[Served], Any]:
    def read(served: Served) -> Any:
        table = read_stream(body, {column.name for column in served.model.columns})
        try:
            return served.model.codec.from_batch(table)
        except UnknownName as error:  # of a column: 404 is for endpoints
            raise InvalidRequest(str(error)) from None
        except InvalidSchema as error:
            raise InvalidRequest(error.what, where=error.where, expected=error.expected, fix=error.fix) from None

    return read


def _refused(problem: InvalidInput, headers: tuple[tuple[str, str], ...]) -> Answer:
    return Answer(400, orjson.dumps({"error": str(problem)}), headers=headers)


def _write_json(reply: Reply) -> Answer:
    if reply.problem is not None:
        return _refused(reply.problem, reply.headers)
    return Answer(200, write_predictions(reply.prediction), headers=reply.headers)


def _write_arrow(reply: Reply) -> Answer:
    if reply.problem is not None:
        return _refused(reply.problem, reply.headers)
    values = np.ascontiguousarray(reply.prediction, np.float32)
    column = pa.Array.from_buffers(pa.float32(), values.size, [None, pa.py_buffer(values)])
    if values.ndim == 2:  # several numbers a row
        column = pa.FixedSizeListArray.from_arrays(column, values.shape[1])
    return Answer(200, write_stream(pa.table({"prediction": column})), MEDIA_TYPE, reply.headers)

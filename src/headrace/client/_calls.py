"""Calls: what a client asks for, as bytes, and what it makes of the answer; the same for the two clients."""

from __future__ import annotations

import base64
import datetime
import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import pyarrow as pa

from headrace.client._wire import Answer
from headrace.dataset.tables import as_table, is_table
from headrace.errors import (
    DeadlineExceeded,
    HeadraceError,
    InvalidInput,
    InvalidRequest,
    NotAllowed,
    RequestFailed,
    TooManyRequests,
    UnknownName,
)
from headrace.model import Codec, InputColumn
from headrace.model.columns import LANE_OF

__all__ = ["Call", "Endpoint", "Predictions", "columns_call", "endpoints_call", "explain_call", "predict_call"]
__all__ += ["headers_of", "needs_columns", "reward_call", "token_of"]

T = TypeVar("T")

_ARROW = "application/vnd.apache.arrow.stream"
_MODELS = "/v1/models"


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that a server answers for: its name, the version it serves, and what its prediction is, in words."""

    name: str
    version: int
    prediction: str


@dataclass(frozen=True)
class Predictions:
    """What a server answered to rows.

    Parameters
    ----------
    predictions : float, list, pyarrow.Table or DataFrame
        Of the kind that was asked: a number for one row, a list for a list, one number a row, None for what is not
        finite; for a table, and for a DataFrame of pandas or Polars, one of these with the column `prediction`, pandas
        with the index it was asked with.
    version : int
        The version that all of it is from.
    request_id : str
        Under which the request log has it: what `Client.reward` wants, and `headrace requests explain`.
    table_id : str
        Where traffic is divided, the table that chose the version; else "".
    propensity : float
        How probable that choice was; 1.0 where nothing was chosen.
    """

    predictions: Any
    version: int
    request_id: str
    table_id: str = ""
    propensity: float = 1.0

    def __len__(self) -> int:
        return 1 if isinstance(self.predictions, float) or self.predictions is None else len(self.predictions)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One thing to ask: the request's parts, and what reads its answer."""

    method: str
    path: str
    read: Callable[[Answer], T]
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def result(self, answer: Answer) -> T:
        """What was asked for. Raises the error that the answer is, with the server's own message."""
        if answer.status != 200:
            raise _error_of(answer)
        try:
            return self.read(answer)
        except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise RequestFailed(
                f"the answer cannot be read: {error!r}"[:300], where=f"{self.method} {self.path}", status=answer.status
            ) from error


def token_of(token: str | None) -> str:
    """The token given, or else HEADRACE_TOKEN."""
    return os.environ.get("HEADRACE_TOKEN", "") if token is None else token


def headers_of(call: Call[Any], token: str, left_s: float) -> list[tuple[str, str]]:
    """A call's headers, with how long an answer is waited for, so that the server does not work for nobody."""
    told = [*call.headers, ("headrace-timeout-ms", str(max(1, math.ceil(left_s * 1000))))]
    return [*told, ("authorization", f"Bearer {token}")] if token else told


def _error_of(answer: Answer) -> HeadraceError:
    try:
        told = json.loads(answer.body)["error"]
    except (ValueError, KeyError, TypeError):
        told = answer.body[:200].decode("utf-8", "replace") or "no message"
    status = answer.status
    what = str(told)
    if status == 404:
        found = UnknownName("endpoint", "", ())
        found.what = what
        found.args = (what,)
        return found
    if status in (401, 403):
        return NotAllowed(what, fix="token= or HEADRACE_TOKEN" if status == 401 else "")
    if status == 429:
        return TooManyRequests(what, retry_after_s=_seconds(answer), status=status)
    if status == 504:
        return DeadlineExceeded(what)
    if 400 <= status < 500 and status != 499:
        return InvalidRequest(what)
    return RequestFailed(what, where=f"status {status}", status=status)


def _seconds(answer: Answer) -> float:
    try:
        return float(answer.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0


def _route(endpoint: str, verb: str) -> str:
    return f"{_MODELS}/{quote(endpoint, safe='')}{verb}"


def endpoints_call() -> Call[list[Endpoint]]:
    """What endpoints there are."""

    def read(answer: Answer) -> list[Endpoint]:
        found = json.loads(answer.body)["models"]
        return [Endpoint(one["name"], int(one["version"]), one["prediction"]) for one in found]

    return Call("GET", _MODELS, read)


def columns_call(endpoint: str) -> Call[Codec]:
    """What an endpoint's rows are made of."""

    def read(answer: Answer) -> Codec:
        found = json.loads(answer.body)["columns"]
        # Lists, and what else lies in no lane, no package changes on the way.
        return Codec(
            [InputColumn(one["name"], one["kind"], one["nullable"]) for one in found if one["kind"] in LANE_OF]
        )

    return Call("GET", _route(endpoint, ""), read)


def needs_columns(rows: Any) -> bool:
    """Whether what a model reads must be known first: pandas makes floats of integers that have nulls."""
    return _package_of(rows) == "pandas"


def _package_of(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def predict_call(endpoint: str, rows: Any, unit: str = "", codec: Codec | None = None) -> Call[Predictions]:
    """What an endpoint says of rows; see `Client.predict`."""
    call = _rows_call(endpoint, ":predict", rows, codec)
    read: Callable[[Answer], Any]
    if is_table(rows):

        def read(answer: Answer) -> Any:
            return _as_given(pa.ipc.open_stream(answer.body).read_all(), rows)
    else:
        is_one = isinstance(rows, Mapping)

        def read(answer: Answer) -> Any:
            found = json.loads(answer.body)["predictions"]
            if len(found) != (1 if is_one else len(rows)):
                raise ValueError(f"{len(found)} predictions")
            return found[0] if is_one else found

    def whole(answer: Answer) -> Predictions:
        told = answer.headers
        return Predictions(
            read(answer),
            int(told["headrace-version"]),
            told["headrace-request-id"],
            told.get("headrace-table", ""),
            float(told.get("headrace-propensity", "1")),
        )

    headers = (*call.headers, ("headrace-unit", unit)) if unit else call.headers
    return replace(call, read=whole, headers=headers)


def explain_call(endpoint: str, rows: Any, codec: Codec | None = None) -> Call[list[dict[str, Any]]]:
    """Why an endpoint says what it says; see `Client.explain`."""

    def read(answer: Answer) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(answer.body)["explanations"]
        return found

    call = _rows_call(endpoint, ":explain", rows, codec)
    return replace(call, read=read, headers=tuple(one for one in call.headers if one[0] != "accept"))


def _rows_call(endpoint: str, verb: str, rows: Any, codec: Codec | None) -> Call[Any]:
    if is_table(rows):
        table = codec.table_of(rows, "predict") if codec is not None else as_table(rows, "predict")
        if isinstance(table, pa.RecordBatch):
            table = pa.Table.from_batches([table])
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        headers = (("content-type", _ARROW), ("accept", _ARROW))
        return Call("POST", _route(endpoint, verb), _nothing, sink.getvalue().to_pybytes(), headers)
    given = [rows] if isinstance(rows, Mapping) else rows
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise InvalidInput(
            f"a {type(rows).__name__} is asked about",
            where="Client",
            expected="a row {column: value}, a list of rows, a pyarrow.Table, or a DataFrame",
        )
    try:
        body = json.dumps({"instances": list(given)}, default=_plain).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"a row that is no JSON: {error}", where="Client", expected="{column: value}") from None
    return Call("POST", _route(endpoint, verb), _nothing, body, (("content-type", "application/json"),))


def _nothing(answer: Answer) -> Any:
    raise AssertionError


def _plain(value: Any) -> Any:
    """What JSON has no value for: times in RFC 3339 (without a zone they are UTC, as for `Model.predict`), NumPy's."""
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return f"{value.isoformat()}Z"
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return {"b64": base64.b64encode(value).decode()}
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a {type(value).__name__}")


def _as_given(table: pa.Table, rows: Any) -> Any:
    """An answer as the package has tables that asked."""
    if table.num_rows != len(rows):
        raise ValueError(f"{table.num_rows} predictions for {len(rows)} rows")
    package = _package_of(rows)
    if package == "pandas":
        frame = table.to_pandas()
        frame.index = rows.index
        return frame
    if package == "polars":
        return sys.modules["polars"].from_arrow(table)
    return table


def reward_call(request_id: str, value: float, time: datetime.datetime | None) -> Call[int]:
    """What an answer was worth; see `Client.reward`."""
    told: dict[str, Any] = {"request_id": request_id, "reward": value}
    if time is not None:
        told["time"] = _plain(time)

    def read(answer: Answer) -> int:
        return int(json.loads(answer.body)["recorded"])

    body = json.dumps(told, default=_plain).encode()
    return Call("POST", "/rewards", read, body, (("content-type", "application/json"),))

"""Rows of JSON in, predictions of JSON out: the same whether an endpoint's traffic is divided or not."""

from __future__ import annotations

from typing import Any

import orjson

from headrace.errors import InvalidRequest
from headrace.serving.core import Served

__all__ = ["read_rows", "write_predictions"]


def read_rows(served: Served, body: bytes) -> Any:
    """The lanes of a request's rows. Raises InvalidRequest for what is no row of this model, and for no row at all."""
    lanes = served.model.codec.from_json(body)
    if not len(next(iter(lanes.values()))):
        raise InvalidRequest("'instances' is empty", expected="at least one row")
    return lanes


def write_predictions(prediction: Any) -> bytes:
    """The body of an answer. Neither NaN nor infinity is JSON: orjson writes null for them."""
    return b'{"predictions":' + orjson.dumps(prediction, option=orjson.OPT_SERIALIZE_NUMPY) + b"}"

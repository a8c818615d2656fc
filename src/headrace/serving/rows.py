"""Rows of JSON in, predictions of JSON out: the same whether an endpoint's traffic is divided or not."""

from __future__ import annotations

from typing import Any

import orjson

__all__ = ["write_predictions"]


def write_predictions(prediction: Any) -> bytes:
    """The body of an answer. Neither NaN nor infinity is JSON: orjson writes null for them."""
    return b'{"predictions":' + orjson.dumps(prediction, option=orjson.OPT_SERIALIZE_NUMPY) + b"}"

"""Rows of JSON in, predictions of JSON out: the same whether an endpoint's traffic is divided or not."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

__all__ = ["write_predictions"]


def write_predictions(prediction: Any, *, key: str = "predictions", is_bare: bool = False) -> bytes:
    """The body of an answer.

    Parameters
    ----------
    prediction : numpy array [num_rows, ...]
        Of floats.
    key : str
        "predictions" for rows, "outputs" for columns, "results" for `:regress`.
    is_bare : bool
        Whether NaN, Infinity and -Infinity are written so, as TensorFlow Serving writes them. That is no JSON: by
        default they are null.

    >>> write_predictions(np.array([0.5, np.inf], np.float32), is_bare=True)
    b'{"predictions":[0.5,Infinity]}'
    """
    text = orjson.dumps(prediction, option=orjson.OPT_SERIALIZE_NUMPY)
    if is_bare and not np.isfinite(prediction).all():
        values = np.asarray(prediction).ravel().tolist()
        parts = [
            part if value - value == 0.0 else part.replace(b"null", _bare(value))
            for part, value in zip(text.split(b","), values, strict=True)
        ]
        text = b",".join(parts)
    return b'{"%s":%s}' % (key.encode(), text)


def _bare(value: float) -> bytes:
    return b"NaN" if value != value else b"Infinity" if value > 0 else b"-Infinity"

"""What ops on categories build alike: a table look-up, and a code by hashing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.model.columns import NULL_TEXT
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind

__all__ = ["can_be_asked", "check_key", "hash_code", "look_up"]


def can_be_asked(value: Any) -> bool:
    """Whether a request can hold this value: a text that begins with U+0000 stands for null."""
    return not (isinstance(value, str) and value.startswith("\x00"))


def check_key(kind: Kind) -> None:
    """Raise InvalidInput for a kind whose values are no keys of rows."""
    if kind not in ("text", "integer", "boolean"):
        raise InvalidInput(f"{kind} is no key", expected="text, integer or boolean", fix="ops.bucketize it first")


def look_up(
    builder: GraphBuilder, value: Value, keys: Sequence[Any], numbers: npt.NDArray[np.float64], *, default: float
) -> str:
    """A float64 tensor: of each text, integer or boolean the number beside its key, else `default`; NaN where null."""
    otherwise = np.array([default])
    if value.kind == "text":
        # Never an empty table, and null is a key like others: no node of its own.
        return builder.node(
            "LabelEncoder",
            [value.name],
            domain="ai.onnx.ml",
            keys_strings=[*keys, NULL_TEXT],
            values_tensor=np.append(numbers, np.nan),
            default_tensor=otherwise,
        )
    found = builder.node(
        "LabelEncoder",
        [value.name if value.kind == "integer" else builder.cast(value.name, np.int64)],
        domain="ai.onnx.ml",
        keys_tensor=np.array([int(item) for item in keys] or [0], dtype=np.int64),
        values_tensor=numbers if len(keys) else otherwise,
        default_tensor=otherwise,
    )
    return found if value.present is None else builder.where(value.present, found, builder.number(np.nan))


def hash_code(builder: GraphBuilder, text: str, count: int, *, seed: int = 0) -> str:
    """A float64 tensor: MurmurHash3 of each text, modulo `count`."""
    hashed = builder.node("MurmurHash3", [text], domain="com.microsoft", positive=1, seed=seed)
    return builder.node("Mod", [builder.cast(hashed, np.float64), builder.number(float(count))], fmod=1)

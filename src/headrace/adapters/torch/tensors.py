"""Named tensors as bytes in the safetensors format, which holds numbers and text alone: nothing to execute.

Eight bytes with the header's length, the header as JSON (name -> dtype, shape, offsets), the values one after another.
Source: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.canonical import from_canonical, to_canonical
from headrace.errors import InvalidInput

__all__ = ["from_bytes", "to_bytes"]

Arrays = dict[str, npt.NDArray[Any]]
_DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}


def to_bytes(arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any]) -> bytes:
    """Arrays, sorted by name, and plain data about them. Equal arguments, equal bytes.

    Raises InvalidInput for a dtype that the format, as read here, does not have.

    >>> from_bytes(to_bytes({"a": np.arange(3)}, {"step": 7}))
    ({'a': array([0, 1, 2])}, {'step': 7})
    """
    header: dict[str, Any] = {"__metadata__": {"headrace": to_canonical(about).decode()}}
    pieces, offset = [], 0
    for name, array in sorted(arrays.items()):
        if array.dtype not in _NAMES:
            raise InvalidInput(f"tensor {name!r} is of {array.dtype}", expected=", ".join(map(str, _NAMES)))
        data = np.asarray(array, order="C").tobytes()
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(data)],
        }
        pieces.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # so that values begin at a multiple of eight
    return b"".join([len(text).to_bytes(8, "little"), text, *pieces])


def from_bytes(data: bytes, where: str = "tensors") -> tuple[Arrays, dict[str, Any]]:
    """What `to_bytes` was given; InvalidInput for anything else."""
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        about = from_canonical(header.pop("__metadata__")["headrace"].encode())
        arrays: Arrays = {}
        for name, entry in header.items():
            first, end = entry["data_offsets"]
            piece = data[8 + length + first : 8 + length + end]
            arrays[name] = np.frombuffer(piece, _DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(f"not tensors in the safetensors format: {error!r}"[:200], where=where) from error
    return arrays, dict(about)

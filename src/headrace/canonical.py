"""Canonical JSON and digests: the one way a value becomes bytes that are hashed or compared.

Two equal values give the same bytes in any process and on any machine: keys are sorted, no spaces, text is UTF-8,
floats are their shortest round-trip form, NaN and the infinities are written as {"float": "nan"} and the like, so
that a strict JSON parser can read everything that is stored. A dict that happens to look like that is written with a
"$" before its key, so that two different values never share bytes, and decoding gives back what was encoded.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

__all__ = ["digest", "from_canonical", "to_canonical"]


def _plain(value: Any, where: str) -> Any:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return {"float": "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where}: keys must be text, not {key!r}")
        mark = "$" if _looks_marked(value) else ""
        return {mark + key: _plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"{where}: {type(value).__name__} has no canonical JSON form")


def _looks_marked(item: dict[str, Any]) -> bool:
    """Whether it could be taken for a marked float, or for a dict whose key was given a "$" for that reason."""
    return len(item) == 1 and next(iter(item)).lstrip("$") == "float"


def to_canonical(value: Any) -> bytes:
    """Encode plain data (None, bool, int, float, str, lists, tuples, dicts with text keys) canonically.

    Raises TypeError, naming the path, for anything else. Tuples read back as lists.

    >>> to_canonical({"b": float("nan"), "a": (1, 2.5)})
    b'{"a":[1,2.5],"b":{"float":"nan"}}'
    """
    return _encoder.encode(_plain(value, "value")).encode("utf-8", "surrogatepass")


def _revive(item: dict[str, Any]) -> Any:
    if not _looks_marked(item):
        return item
    ((key, value),) = item.items()
    return float(value) if key == "float" else {key[1:]: value}


# Made once: json.dumps and json.loads with arguments make one a call, which for small values is most of their time.
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_decoder = json.JSONDecoder(object_hook=_revive)


def from_canonical(data: bytes) -> Any:
    """Decode what `to_canonical` wrote.

    >>> from_canonical(b'{"a":{"float":"-inf"}}')
    {'a': -inf}
    """
    return _decoder.decode(data.decode("utf-8", "surrogatepass"))


def digest(value: Any) -> str:
    """The sha256, in hexadecimal, of bytes, or of the canonical form of plain data.

    >>> digest(b"")[:12]
    'e3b0c44298fc'
    """
    data = value if isinstance(value, bytes) else to_canonical(value)
    return hashlib.sha256(data).hexdigest()

"""Requests made wrong, by a seed: bytes changed, cut, doubled and mixed, sizes made huge, other JSON values."""

from __future__ import annotations

import copy
import json
import random
import re
import struct
from typing import Any

__all__ = ["mutate_bytes", "mutate_json", "mutate_text"]

_NUMBERS = (
    0,
    1,
    -1,
    127,
    128,
    255,
    65535,
    1 << 31,
    (1 << 31) - 1,
    (1 << 32) - 1,
    1 << 62,
    (1 << 63) - 1,
    1 << 64,
    10**30,
)
_DIGITS = re.compile(rb"\d+")
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "x" * 300,
    "\x00",
    "\x00null",
    "\ud800",
    "NaN",
    "2013-01-31T05:00:00Z",
    "9999-99-99T99:99:99Z",
    [],
    {},
    [[]],
    [None],
    {"b64": "aGk="},
    {"b64": 5},
    {"": {"": []}},
    0.5,
    -0.0,
    1e308,
    5e-324,
    float("nan"),
    float("inf"),
    *_NUMBERS,
)
_WORDS = (
    *("name", "shape", "datatype", "data", "inputs", "outputs", "parameters", "id", "instances", "examples", "context"),
    *("FP16", "FP32", "FP64", "BF16", "BYTES", "BOOL", "INT8", "UINT64", "delay", "carrier", "flight", "when", "late"),
    *("binary_data_size", "binary_data", "binary_data_output", "shared_memory_region", "sequence_id", "tail:present"),
)


def mutate_bytes(data: bytes, other: bytes, draw: random.Random) -> bytes:
    """The bytes after one to four changes; `other` is another request, of which a piece may be taken."""
    made = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        place = draw.randrange(len(made) + 1)
        kind = draw.randrange(9)
        if kind == 0 and made:
            made[place % len(made)] = draw.randrange(256)
        elif kind == 1 and made:
            made[place % len(made)] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del made[place : place + draw.choice((1, 2, 4, 8, 100))]
        elif kind == 3:
            made[place:place] = draw.randbytes(draw.choice((1, 2, 4, 8, 100)))
        elif kind == 4:
            made[place:place] = made[place : place + draw.choice((1, 8, 200))]
        elif kind == 5:
            del made[place:]
        elif kind == 6:
            number = draw.choice(_NUMBERS) & ((1 << 64) - 1)
            made[place : place + 8] = struct.pack("<Q", number)[: draw.choice((1, 2, 4, 8))]
        elif kind == 7:
            found = list(_DIGITS.finditer(bytes(made[:4096])))
            if found:
                one = draw.choice(found)
                made[one.start() : one.end()] = str(draw.choice(_NUMBERS)).encode()
        else:
            start = draw.randrange(len(other) + 1)
            made[place:] = other[start:]
    return bytes(made)


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in items:
        found.append((value, key))
        if isinstance(one, (dict, list)):
            _places(one, found)
    return found


def mutate_json(plain: Any, draw: random.Random) -> bytes:
    """The text of a document in which one to three values are others, gone, doubled, or under another name."""
    made = json.loads(json.dumps(plain))
    for number in range(draw.choice((1, 1, 2, 3))):
        places = _places(made, [])
        if not places:
            break
        into, key = draw.choice(places)
        kind = draw.randrange(6)
        if kind == 0:
            into[key] = copy.deepcopy(draw.choice(_VALUES))
        elif kind == 1:
            into[key] = draw.choice(_WORDS)
        elif kind == 2:
            del into[key]
        elif kind == 3 and isinstance(into, dict):
            into[draw.choice((*_WORDS, "", "\ud800", "a" * 200))] = into.pop(key)
        elif kind == 4 and isinstance(into, list):
            into += into[key:]
        else:
            into[key] = [into[key]] * (draw.choice((1, 2, 50)) if number == 0 else 1)
    text = json.dumps(made)
    if draw.random() < 0.05:
        text = text.replace("[", "[" * draw.choice((10, 2000)), 1)
    return text.encode()


def mutate_text(text: str, draw: random.Random) -> str:
    """A header or a path that is another."""
    kind = draw.randrange(7)
    place = draw.randrange(len(text) + 1)
    if kind == 0:
        return str(draw.choice(_NUMBERS))
    if kind == 1:
        return (
            text[:place] + draw.choice(("%2e%2e", "%252e", "%00", "%", "\\", "..", "/", ":", "\u00e9")) + text[place:]
        )
    if kind == 2:
        return text[:place]
    if kind == 3:
        return text + draw.choice(("/versions/1", "/versions/" + "9" * 40, "/labels/x", "/infer", "/ready", ":predict"))
    if kind == 4:
        return text * draw.choice((2, 30))
    if kind == 5:
        return "".join(chr(draw.randrange(32, 300)) for _ in range(draw.randrange(20)))
    return text.swapcase()

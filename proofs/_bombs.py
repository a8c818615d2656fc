"""Requests as large as a server takes, which would take many times their size, were they believed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Bomb", "bombs"]


class Bomb(NamedTuple):
    """A request: of HTTP, or, without a path, of gRPC."""

    name: str
    path: str
    body: bytes
    headers: dict[str, str]


def _json(datatype: str, count: int, data: bytes) -> bytes:
    head = f'{{"inputs": [{{"name": "delay", "datatype": "{datatype}", "shape": [{count}], "data": ['
    return head.encode() + data + b"]}]}"


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def bombs(most_bytes: int) -> Iterator[Bomb]:
    """All of them, each of at most so many bytes."""
    size = most_bytes - 1000
    infer, rows = "/v2/models/late/infer", "/v1/models/late:predict"
    for name, item in (
        ("numbers", b"0,"),
        ("nulls", b"null,"),
        ("lists", b"[0],"),
        ("objects", b"{},"),
        ("deep", b"["),
    ):
        data = (item * (size // len(item)))[:-1]
        yield Bomb(f"JSON {name}", infer, _json("FP64", size // len(item), data), {})
    yield Bomb("JSON tensors", infer, b'{"inputs": [' + b"{}," * (size // 3) + b"{}]}", {})
    for datatype, width in (("BOOL", 1), ("INT8", 1), ("BYTES", 4)):
        count = size // width
        one = {"name": "is_new" if datatype == "BOOL" else "flight", "datatype": datatype, "shape": [count]}
        one = {**one, "parameters": {"binary_data_size": count * width}}
        head = json.dumps({"inputs": [one]}).encode()
        body = head + bytes(count * width)
        yield Bomb(f"binary {datatype}", infer, body, {"inference-header-content-length": str(len(head))})
    yield Bomb("rows", rows, b'{"instances": [' + b"{}," * (size // 3) + b"{}]}", {})
    yield Bomb("columns", rows, b'{"inputs": {"delay": [' + b"0," * (size // 2) + b"0]}}", {})
    squeezed = zlib.compressobj(9)
    packed = b"".join(squeezed.compress(b" " * (1 << 20)) for _ in range(2000)) + squeezed.flush()
    for path in (infer, rows):
        yield Bomb("deflate", path, packed, {"content-encoding": "deflate"})
    name = _field(1, b"late")
    yield Bomb("gRPC tensors", "", name + b"\x2a\x00" * (size // 2), {})
    yield Bomb("gRPC raw", "", name + b"\x3a\x00" * (size // 2), {})
    named = _field(1, b"flight") + _field(2, b"INT32")
    for what, number, item in (("numbers", 2, b"\0"), ("bytes", 8, None)):
        inner = _field(number, bytes(size - 200)) if item is not None else b"\x42\x00" * ((size - 200) // 2)
        shape = _field(3, _varint(size - 200 if item is not None else (size - 200) // 2))
        tensor = named.replace(b"INT32", b"BYTES") if item is None else named
        yield Bomb(f"gRPC {what}", "", name + _field(5, tensor + shape + _field(5, inner)), {})

"""Writing tf.train.Example and TFRecord in a few lines, for tests: plain to read, slow, every form that is allowed."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headrace.checksum import masked
from headrace.ingestion.kernels.tfrecord import checksum

__all__ = ["Features", "encode_example", "encode_records"]

Features = Mapping[str, Sequence[Any] | None]
"""Feature -> its values, all bytes, all float or all int; [] is a list of integers; None a feature without a kind."""


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def _field(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def encode_example(features: Features | Iterable[tuple[str, Sequence[Any] | None]], *, is_packed: bool = True) -> bytes:
    """A tf.train.Example in the wire format.

    Parameters
    ----------
    features : mapping, or pairs
        In the order in which they are written; pairs may name one twice.
    is_packed : bool
        Numbers one after the other behind one tag, or each behind its own: both are legal.

    >>> encode_example({"a": [1]}).hex()
    '0a0c0a0a0a016112051a030a0101'
    """
    pairs = features.items() if isinstance(features, Mapping) else features
    entries = b""
    for name, values in pairs:
        entries += _field(1, _field(1, name.encode()) + _field(2, _feature(values, is_packed=is_packed)))
    return _field(1, entries)


def _feature(values: Sequence[Any] | None, *, is_packed: bool) -> bytes:
    if values is None:
        return b""
    if len(values) and isinstance(values[0], bytes):
        return _field(1, b"".join(_field(1, value) for value in values))
    if len(values) and isinstance(values[0], float):
        packed = struct.pack(f"<{len(values)}f", *values)
        each = b"".join(b"\x0d" + struct.pack("<f", value) for value in values)
        return _field(2, _field(1, packed) if is_packed else each)
    packed = b"".join(_varint(value) for value in values)
    each = b"".join(b"\x08" + _varint(value) for value in values)
    return _field(3, (_field(1, packed) if values else b"") if is_packed else each)


def encode_records(records: Iterable[bytes], *, packing: str = "") -> bytes:
    """Records as a TFRecord file, with their checksums.

    Parameters
    ----------
    records : iterable of bytes
        The data of each.
    packing : str
        "", "GZIP" or "ZLIB": as TensorFlow's options call them.
    """
    out = []
    for data in records:
        length = struct.pack("<Q", len(data))
        sums = [struct.pack("<I", masked(checksum(piece))) for piece in (length, data)]
        out.append(length + sums[0] + data + sums[1])
    joined = b"".join(out)
    return gzip.compress(joined) if packing == "GZIP" else zlib.compress(joined) if packing == "ZLIB" else joined

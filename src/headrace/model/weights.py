"""Weights beside a graph: what is too large for one protobuf lies in `weights.safetensors`, named by its content.

A graph of more than INLINE_BYTES keeps no large tensor inside: where its data were it names their sha256, and the data
lie in a file of the format safetensors beside `model.onnx`, under that name. There is no path in a graph, so that none
can lead anywhere; a graph that names another place is refused (`headrace.model.checks`). Loaded, the file is mapped, is
held to the names in it, and ONNX Runtime is handed the tensors.

Source: safetensors, "Format": 8 bytes of length, a JSON header of dtype, shape and data_offsets, then the data.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace import disk
from headrace.errors import InvalidInput

__all__ = [
    "FILE",
    "INLINE_BYTES",
    "LARGE_BYTES",
    "OnnxBytes",
    "can_be_outside",
    "content_of",
    "external_content",
    "keep",
    "kept",
    "places_of",
    "point",
    "put_outside",
    "read_weights",
    "weights_of",
    "write_weights",
]

FILE = "weights.safetensors"
INLINE_BYTES = 256 << 20  # of a graph with all its tensors inside
LARGE_BYTES = 64 << 10  # a tensor of less stays inside whatever there is
_MOST_HEADER = 16 << 20
_LOCATION = "sha256:"
_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}
_NAMES = {np.dtype(code): name for name, code in _DTYPES.items()}

Weights = Mapping[str, npt.NDArray[Any]]


class OnnxBytes(bytes):
    """A serialised ModelProto, and beside it the weights that it names: sha256 -> array.

    Bytes as they are where there are none.
    """

    weights: Weights

    def __new__(cls, data: bytes, weights: Weights | None = None) -> OnnxBytes:
        """The same bytes."""
        made = super().__new__(cls, data)
        made.weights = dict(weights or {})
        return made


def weights_of(onnx: bytes) -> Weights:
    """The weights beside a graph; none of plain bytes."""
    return onnx.weights if isinstance(onnx, OnnxBytes) else {}


def content_of(array: npt.NDArray[Any]) -> str:
    """sha256 of the values, in the order of rows and as a small-endian machine has them. Cost: 1 s a GiB or less."""
    return hashlib.sha256(_plain(array).data).hexdigest()


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    whole = np.ascontiguousarray(array)
    if whole.dtype.byteorder == ">":
        whole = whole.astype(whole.dtype.newbyteorder("<"))
    return whole.reshape(-1).view(np.uint8)


def can_be_outside(array: npt.NDArray[Any]) -> bool:
    """Whether it is large, and of a type that the file knows."""
    return array.nbytes >= LARGE_BYTES and array.dtype.newbyteorder("<") in _NAMES


def put_outside(tensor: Any, digest: str) -> None:
    """Have a TensorProto without data name its content."""
    from onnx import TensorProto

    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", _LOCATION + digest


def external_content(tensor: Any) -> str | None:
    """The sha256 that a TensorProto names for its data; None where it names anything else, or holds its own."""
    from onnx import TensorProto

    entries = [(entry.key, entry.value) for entry in tensor.external_data]
    if tensor.data_location != TensorProto.EXTERNAL or len(entries) != 1 or tensor.HasField("raw_data"):
        return None
    key, value = entries[0]
    digest = value.removeprefix(_LOCATION)
    is_content = key == "location" and value.startswith(_LOCATION) and _is_digest(digest)
    return digest if is_content else None


def _is_digest(text: str) -> bool:
    return len(text) == 64 and not set(text) - set("0123456789abcdef")


def write_weights(path: Path, weights: Weights, *, sync: bool = True) -> str:
    """Write the file; its sha256. Equal weights give equal bytes. Memory: none beside the weights."""
    ordered = sorted(weights, key=lambda name: (-weights[name].dtype.itemsize, name))  # so that all are aligned
    header: dict[str, Any] = {}
    start = 0
    for name in ordered:
        array = weights[name]
        dtype = _NAMES[array.dtype.newbyteorder("<")]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [start, start + array.nbytes]}
        start += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    whole = hashlib.sha256()
    with disk.open_to_write(path, sync=sync) as file:
        pieces: list[Any] = [len(text).to_bytes(8, "little"), text, *(_plain(weights[name]) for name in ordered)]
        for piece in pieces:
            file.write(piece)
            whole.update(piece)
    return whole.hexdigest()


def read_weights(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The weights of a file, mapped, each held to the sha256 that names it.

    Raises InvalidInput for a file that is a link, is damaged, or does not say what all of it is. Cost: reading it once;
    no memory that other processes that read the same file do not share.
    """
    where = str(path)
    try:
        if path.is_symlink() or not path.is_file():
            raise InvalidInput("no file of weights: a link, or nothing", where=where)
        data = np.memmap(path, np.uint8, "r")
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot be read: {error}", where=where, fix="copy the model again") from None
    found: dict[str, npt.NDArray[Any]] = {}
    for name, dtype, shape, first, last in _entries(data, where):
        piece = data[first:last]
        if hashlib.sha256(piece.data).hexdigest() != name:
            raise InvalidInput(f"weights {name[:12]} are damaged", where=where, fix="copy the model again")
        found[name] = piece.view(dtype).reshape(shape)
    return found


def _entries(data: npt.NDArray[np.uint8], where: str) -> Iterator[tuple[str, Any, tuple[int, ...], int, int]]:
    """(name, dtype, shape, first byte, last byte) of each tensor; they lie one behind the other, to the file's end."""

    def refuse(what: str) -> InvalidInput:
        return InvalidInput(f"not weights: {what}", where=where, fix="copy the model again")

    length = int.from_bytes(data[:8].tobytes(), "little")
    if len(data) < 8 or not 2 <= length <= min(_MOST_HEADER, len(data) - 8):
        raise refuse(f"a header of {length:,} bytes")
    try:
        header = json.loads(data[8 : 8 + length].tobytes())
        rows: list[tuple[str, str, tuple[int, ...], int, int]] = [
            (str(name), _DTYPES[item["dtype"]], tuple(map(int, item["shape"])), int(first), int(last))
            for name, item in header.items()
            for first, last in [item["data_offsets"]]
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refuse(f"{error!r}"[:200]) from None
    expected = 0
    for name, code, shape, first, last in sorted(rows, key=lambda row: (row[3], row[4])):
        dtype = np.dtype(code)
        size = math.prod(shape) * dtype.itemsize
        if not _is_digest(name) or min(shape, default=0) < 0 or first != expected or last - first != size:
            raise refuse(f"tensor {name[:64]!r} of {code}{list(shape)} from {first:,} to {last:,}")
        expected = last
        yield name, dtype, shape, 8 + length + first, 8 + length + last
    if expected != len(data) - 8 - length:
        raise refuse(f"{len(data) - 8 - length:,} bytes, of which {expected:,} are said to be something")


# What ops of plain data name by content: mapped files, so that knowing them takes no memory.
_KEPT: dict[str, npt.NDArray[np.uint8]] = {}
_PLACES: dict[str, tuple[str, int, int]] = {}


def keep(weights: Weights, places: Mapping[str, tuple[str, int, int]] | None = None) -> None:
    """Have this process know weights by content; `places` say in which file they lie, where from and how long."""
    for digest, array in weights.items():
        _KEPT.setdefault(digest, _plain(array))
    point(places or {})


def point(places: Mapping[str, Any]) -> None:
    """Have this process know where weights lie: content -> (file, first byte, bytes); read when they are asked for."""
    for digest, (path, first, length) in places.items():
        _PLACES[str(digest)] = (str(path), int(first), int(length))  # the newest: an earlier file may be gone


def places_of(digests: Iterable[str]) -> dict[str, list[Any]]:
    """Where these lie, as far as it is known: plain data."""
    return {digest: list(_PLACES[digest]) for digest in digests if digest in _PLACES}


def kept(digest: str) -> npt.NDArray[np.uint8]:
    """The bytes of this content. Raises InvalidInput where this process cannot know them, or their file has changed."""
    if digest not in _KEPT:
        if digest not in _PLACES:
            raise InvalidInput(f"weights {digest[:12]} are not on this machine", fix="trace the features again, here")
        path, first, length = _PLACES[digest]
        try:
            piece = np.memmap(path, np.uint8, "r", offset=first, shape=(length,))
        except (OSError, ValueError) as error:
            raise InvalidInput(f"weights {digest[:12]} cannot be read: {error}", where=path) from None
        if hashlib.sha256(piece.data).hexdigest() != digest:
            raise InvalidInput("the file has changed since the features were traced", where=path, fix="run it again")
        _KEPT[digest] = piece
    return _KEPT[digest]

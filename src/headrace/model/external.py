"""External data of a foreign ONNX file, read safely: out of plain files in its own folder, and nowhere else.

A tensor may name a file by a path, a place in it and a length. A path is a way to read any file of a machine, so what
is taken is narrow: a relative path of plain names, every part of it a real folder or file, no link of either sort, and
exactly as many bytes as the tensor has. What is read is mapped, and from then on known by its content alone.

Source: ONNX, docs/ExternalData.md.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.model.weights import LARGE_BYTES, put_outside

__all__ = ["take_outside"]

_KEYS = ("location", "offset", "length", "checksum")


def take_outside(
    model: Any, file: Path, *, where: str
) -> tuple[dict[str, npt.NDArray[np.uint8]], dict[str, tuple[str, int, int]]]:
    """Have the large initialisers of a model name their content, wherever their data are; small ones hold theirs.

    Parameters
    ----------
    model : onnx.ModelProto
        Read from `file`, and changed in place.
    file : Path
        The model's file: external data may lie in its folder, and in those in it.
    where : str
        For messages.

    Returns
    -------
    weights : dict of str to uint8 array
        Content -> data, mapped.
    places : dict of str to (str, int, int)
        Content -> the file, the first byte and how many.

    Raises InvalidInput for a path that leaves the folder, a link, a file that is none, or another length than the
    tensor's. Cost: reading all of it once; no memory.
    """
    folder, found, places = file.resolve().parent, {}, {}
    opened: dict[str, tuple[Path, mmap.mmap]] = {}
    for tensor in model.graph.initializer:
        is_external = bool(tensor.data_location or tensor.external_data)
        size = _size_of(tensor, where)
        if not is_external and (size < LARGE_BYTES or len(tensor.raw_data) != size):
            continue  # what lies in other fields of the message stays there
        if is_external:
            location, first = _named(tensor, size, where)
            if location not in opened:
                opened[location] = _open(folder, location, where)
        else:
            location = ""
            if location not in opened:
                opened[location] = file, _mapped(file)  # named by the user: a link is the user's own
            first = opened[location][1].find(tensor.raw_data)
        path, data = opened[location]
        if first < 0 or first + size > len(data):
            raise InvalidInput(
                f"tensor {tensor.name[:60]!r} ends at byte {first + size:,} of a file of {len(data):,}",
                where=f"{where}, {path.name}",
                expected="a file that holds it",
            )
        piece = np.frombuffer(data, np.uint8, count=size, offset=first)
        tensor.ClearField("raw_data")
        tensor.ClearField("data_location")
        del tensor.external_data[:]
        if size < LARGE_BYTES:
            tensor.raw_data = piece.tobytes()
            continue
        digest = hashlib.sha256(piece.data).hexdigest()
        put_outside(tensor, digest)
        found[digest] = piece
        places[digest] = (str(path.absolute()), first, size)
    return found, places


def _size_of(tensor: Any, where: str) -> int:
    from onnx import helper

    try:
        dtype = helper.tensor_dtype_to_np_dtype(tensor.data_type)
    except (KeyError, ValueError):
        dtype = np.dtype(object)
    is_external = bool(tensor.data_location or tensor.external_data)
    if is_external and (dtype.kind not in "fiub" or min(tensor.dims, default=0) < 0):
        raise InvalidInput(f"tensor {tensor.name[:60]!r} of {dtype} lies in another file", where=where)
    return math.prod(tensor.dims) * dtype.itemsize if dtype.kind in "fiub" else 0


def _named(tensor: Any, size: int, where: str) -> tuple[str, int]:
    """The location and offset that a tensor names."""
    what = f"tensor {tensor.name[:60]!r}"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    unknown = [key for key in entries if key not in _KEYS]
    if unknown or len(entries) != len(tensor.external_data) or "location" not in entries:
        raise InvalidInput(f"{what} names its data by {list(entries)}"[:200], where=where, expected=", ".join(_KEYS))
    try:
        first, length = int(entries.get("offset", "0")), int(entries.get("length", str(size)))
    except ValueError:
        raise InvalidInput(f"{what} lies at {entries}"[:200], where=where, expected="whole numbers") from None
    if first < 0 or length != size:
        raise InvalidInput(
            f"{what} is said to have {length:,} bytes from byte {first:,}", where=where, expected=f"{size:,} bytes"
        )
    return entries["location"], first


def _mapped(file: Path) -> mmap.mmap:
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


def _open(folder: Path, location: str, where: str) -> tuple[Path, mmap.mmap]:
    """A plain file below the folder, mapped; nothing on the way to it is a link."""
    parts = location.split("/")
    is_plain = all(part not in ("", ".", "..") and "\\" not in part and ":" not in part for part in parts)
    if not is_plain or any(ord(character) < 32 for character in location):
        raise InvalidInput(f"weights at {location[:100]!r}", where=where, expected="a file in the model's own folder")
    path = folder
    try:
        for part in parts:
            path /= part
            if stat.S_ISLNK(path.lstat().st_mode):
                raise InvalidInput(f"{location[:100]!r} goes through a link", where=where, expected="a plain file")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            held = os.fstat(descriptor)
            if not stat.S_ISREG(held.st_mode) or held.st_nlink != 1:
                raise InvalidInput(
                    f"{location[:100]!r} is no plain file, or has other names too",
                    where=where,
                    expected="a file that lies in the model's folder alone",
                    fix="copy it there",
                )
            return path, mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(f"cannot read {location[:100]!r}: {error}", where=where) from None

"""Columns side by side as rows, and texts behind their lengths: what requests are made of, without a step a value.

NumPy does the first a column at a time (`headrace.model` has the twin), Python the second a text at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.fold.kernels.native import library, pointer

__all__ = ["fill_lanes", "split_few", "split_texts"]

_FLOAT64, _WHOLE = pa.float64(), np.dtype(np.int64)
_MOST_BYTES = (1 << 31) - 1


def fill_lanes(
    arrays: Sequence[pa.Array],
    into: Sequence[tuple[npt.NDArray[Any], int]],
    present: Sequence[tuple[npt.NDArray[np.bool_], int] | None],
) -> bool:
    """Write int64 and float64 arrays into columns of matrices; False where there is no kernel, and nothing was done.

    Parameters
    ----------
    arrays : sequence of pyarrow.Array
        Of float64 into a matrix of float64, of int64 into one of float64 or int64; all of one length.
    into : sequence of (float64 or int64 [num_rows, width], index)
        The matrix, C-contiguous, and which of its columns. A null is NaN or 0, and every NaN is one NaN.
    present : sequence of (bool [num_rows, width], index) or None
        Where it is to be told which rows are not null.

    Cost: 1.5 us an array, 1 ns a value.
    """
    native = library()
    if native is None:
        return False
    places: dict[int, int] = {}
    said = []
    for array, (matrix, index), bits in zip(arrays, into, present, strict=True):
        validity, values = array.buffers()
        place = places.get(id(matrix)) or places.setdefault(id(matrix), pointer(matrix))
        where = stride = 0
        if bits is not None:
            told, bit = bits
            where = (places.get(id(told)) or places.setdefault(id(told), pointer(told))) + bit
            stride = told.shape[1]
        said += [
            2 if matrix.dtype == _WHOLE else 0 if array.type == _FLOAT64 else 1,
            values.address if values is not None else 0,
            validity.address if array.null_count else 0,
            array.offset,
            place + 8 * index,
            matrix.shape[1],
            where,
            stride,
        ]
    columns = np.array(said, np.int64)
    if len(arrays) and len(arrays[0]):
        native.hr_lanes(pointer(columns), len(arrays), len(arrays[0]))
    return True


def split_texts(data: bytes | memoryview, num_texts: int) -> tuple[pa.Array, int]:
    """Texts that lie behind their lengths (uint32, little-endian), as an array of binary, and where the next would be.

    The array is shorter than `num_texts` where the bytes end before. Cost: one copy, 5 us, 2 ns a text.
    """
    native, size = library(), len(data)
    if native is None or size > _MOST_BYTES:
        found, end = split_few(data, num_texts)
        return pa.array(found, pa.binary()), end
    offsets, texts, rest = np.empty(num_texts + 1, np.int32), np.empty(size, np.uint8), np.zeros(1, np.int64)
    whole = np.frombuffer(data, np.uint8)
    number = native.hr_split_texts(pointer(whole), size, num_texts, pointer(offsets), pointer(texts), pointer(rest))
    buffers = [None, pa.py_buffer(offsets[: number + 1]), pa.py_buffer(texts[: offsets[number]])]
    return pa.Array.from_buffers(pa.binary(), number, buffers), int(rest[0])


def split_few(data: bytes | memoryview, num_texts: int) -> tuple[list[bytes], int]:
    """As `split_texts`, a list: quicker for a handful."""
    found: list[bytes] = []
    whole = bytes(data)
    place, size = 0, len(whole)
    while len(found) < num_texts and place + 4 <= size:
        start = place + 4
        end = start + int.from_bytes(whole[place:start], "little")
        if end > size:
            break
        found.append(whole[start:end])
        place = end
    return found, place

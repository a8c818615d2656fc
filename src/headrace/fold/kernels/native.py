"""The compiled kernels (native.c and those beside it), called through ctypes, which drops the interpreter's lock.

Each has a twin in NumPy that gives the same states and stands in for it: where there was no compiler when headrace
was installed, and in tests that hold the two together (`without_native`).
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace import progress

__all__ = ["Bits", "bits_of_mask", "library", "pointer", "without_native"]

_POINTER, _INTEGER = ctypes.c_void_p, ctypes.c_int64
# values, bitmap, its offset, number of rows
_COLUMN = [_POINTER, _POINTER, _INTEGER, _INTEGER]

_VERSION = 9
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "hr_version": (_INTEGER, []),
    **{
        f"hr_count_window_{kind}": (_INTEGER, [*_COLUMN, _INTEGER, _INTEGER, _POINTER, _POINTER])
        for kind in ("i8", "i16", "i32", "i64")
    },
    "hr_count_steps_i64": (
        _INTEGER,
        [*_COLUMN, _INTEGER, _INTEGER, _POINTER, _POINTER, ctypes.c_uint64, _INTEGER],
    ),
    "hr_order_groups": (None, [_POINTER, _INTEGER, _INTEGER, *[_POINTER] * 4]),
    **{
        f"hr_count_grouped_{kind}": (
            _INTEGER,
            [*_COLUMN, *[_POINTER] * 2, _INTEGER, *[_POINTER] * 2, _INTEGER, *[_POINTER] * 2],
        )
        for kind in ("i8", "i16", "i32", "i64")
    },
    "hr_move_grouped": (_INTEGER, [_POINTER, _INTEGER, *[_POINTER] * 2]),
    "hr_take_grouped": (None, [_POINTER, _INTEGER, *[_POINTER] * 5]),
    "hr_count_keys": (_INTEGER, [_POINTER, _INTEGER, _POINTER, _INTEGER, _INTEGER, _POINTER]),
    "hr_move_keys": (None, [_POINTER, _INTEGER, _POINTER, _INTEGER]),
    "hr_keep_f64": (_INTEGER, [*_COLUMN, _POINTER, _POINTER, _POINTER]),
    "hr_keep_i64": (_INTEGER, [*_COLUMN, _POINTER]),
    "hr_count_cells": (None, [_POINTER, *[_INTEGER] * 5, _POINTER]),
    "hr_hyperloglog": (None, [_POINTER, _INTEGER, _POINTER]),
    "hr_hash_texts": (_INTEGER, [_POINTER, _POINTER, _INTEGER, _INTEGER, _POINTER]),
    **{
        f"hr_encode_texts_{kind}": (
            _INTEGER,
            [*[_POINTER] * 3, *[_INTEGER] * 3, _POINTER, _INTEGER, *[_POINTER] * 4],
        )
        for kind in ("i32", "i64")
    },
    "hr_encode_again": (None, [_POINTER, _INTEGER, _POINTER, _INTEGER]),
    "hr_lanes": (None, [_POINTER, _INTEGER, _INTEGER]),
    "hr_split_texts": (_INTEGER, [_POINTER, _INTEGER, _INTEGER, *[_POINTER] * 3]),
    "hr_text_patterns": (None, [_POINTER, _POINTER, _INTEGER, _INTEGER, *[_POINTER] * 3]),
    "hr_crc32c": (ctypes.c_uint32, [_POINTER, _INTEGER, ctypes.c_uint32, _INTEGER]),
    "hr_tf_frames": (_INTEGER, [_POINTER, _INTEGER, *[_POINTER] * 3]),
    "hr_tf_index": (
        _INTEGER,
        [*[_POINTER] * 3, _INTEGER, *[_POINTER] * 2, _INTEGER, _POINTER, _INTEGER, *[_POINTER] * 3],
    ),
    "hr_tf_column": (_INTEGER, [*[_POINTER] * 3, *[_INTEGER] * 2, *[_POINTER] * 4]),
    "hr_sum_cells": (None, [_POINTER, _INTEGER, _POINTER, _INTEGER, *[_POINTER] * 2]),
    "hr_slope_rows": (None, [*[_POINTER] * 2, _INTEGER, _POINTER, _INTEGER, *[_POINTER] * 2]),
    "hr_add_moments": (None, [*[_POINTER] * 3, *[_INTEGER] * 2, _POINTER]),
    "hr_slope_moments": (None, [*[_POINTER] * 2, *[_INTEGER] * 2, *[_POINTER] * 3, _INTEGER, *[_POINTER] * 2]),
    "hr_class_moments": (None, [*[_POINTER] * 2, _INTEGER, _POINTER, _INTEGER, *[_POINTER] * 4]),
    "hr_poisson_counts": (None, [_POINTER, _INTEGER, ctypes.c_uint64, _POINTER, _INTEGER, _POINTER]),
    "hr_count_codes": (None, [*[_POINTER] * 2, *[_INTEGER] * 2, _POINTER]),
    "hr_class_rows": (None, [*[_POINTER] * 3, _INTEGER, *[_POINTER] * 5]),
    "hr_find_keys": (None, [_POINTER, _INTEGER, _POINTER, _INTEGER, *[_POINTER] * 2]),
    "hr_score_keys": (_INTEGER, [*[_POINTER] * 2, _INTEGER, _POINTER]),
    "hr_runs": (_INTEGER, [_POINTER, _INTEGER, *[_POINTER] * 3]),
    "hr_order_scores": (_INTEGER, [_POINTER, _INTEGER, *[_POINTER] * 2]),
    "hr_place_runs": (_INTEGER, [*[_POINTER] * 3, *[_INTEGER] * 2, *[_POINTER] * 4]),
    "hr_fill_runs": (None, [*[_POINTER] * 3, _INTEGER, _POINTER, _INTEGER, *[_POINTER] * 6]),
    "hr_ranked_pairs": (None, [*[_POINTER] * 4, _INTEGER, _POINTER]),
    "hr_ranked_shares": (None, [*[_POINTER] * 5, _INTEGER, *[_POINTER] * 4]),
    "hr_power_sums_f64": (None, [_POINTER, _POINTER, _INTEGER, _POINTER]),
    "hr_power_sums_i64": (None, [_POINTER, _POINTER, _INTEGER, _POINTER]),
}

Bits = tuple[int, int, Any]
"""An Arrow bitmap for C: address (0 = all valid), offset in bits, and what keeps the memory alive."""


@functools.cache
def _load() -> ctypes.CDLL | None:
    for file in ("_native.so", "_native.pyd"):
        try:
            loaded = ctypes.CDLL(str(Path(__file__).with_name(file)))
            for name, (result, arguments) in _SIGNATURES.items():
                function = getattr(loaded, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):  # not there, of another machine, or older
            continue
        if loaded.hr_version() == _VERSION:
            return loaded
    progress.say("headrace: no compiled kernels of this version (was there a C compiler?): NumPy is slower")
    return None


_switch = threading.local()


def library() -> Any:
    """The compiled kernels, or None. Says once a process, on standard error, that there are none."""
    if getattr(_switch, "is_off", False):
        return None
    return _load()


@contextmanager
def without_native() -> Iterator[None]:
    """The NumPy twins, in this thread."""
    before = getattr(_switch, "is_off", False)
    _switch.is_off = True
    try:
        yield
    finally:
        _switch.is_off = before


def pointer(array: npt.NDArray[Any]) -> int:
    """The address of a contiguous array's first item."""
    assert array.flags.c_contiguous or array.size == 0
    return int(array.__array_interface__["data"][0])  # a fifth of the time that array.ctypes takes


def bits_of_mask(mask: npt.NDArray[np.bool_]) -> Bits:
    """A bool array as an Arrow bitmap for C."""
    packed = np.packbits(mask, bitorder="little")
    return pointer(packed), 0, packed

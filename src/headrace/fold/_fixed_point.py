"""Sums of float64 as 128-bit integers in units of 2^-40: `high * 2^64 + low`, high int64, low uint64.

Each value is rounded once; integer addition is associative, so the order of the values cannot be seen in the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.fold.kernels.native import library, pointer

__all__ = ["TERM_LIMIT", "add_words", "add_words_at", "sum_by_group", "sum_cells", "to_float", "words_of_counts"]

High = npt.NDArray[np.int64]
Low = npt.NDArray[np.uint64]

# What one value may be: 2^37 rows of such values still fit in 128 bits.
TERM_LIMIT = 2.0**50

_UNIT = 2.0**40
_LIMB_BITS = 30


def add_words(high: High, low: Low, where: Any, more_high: High, more_low: Low) -> None:
    """Add words in place at an index that names no cell twice."""
    after = low[where] + more_low
    high[where] += more_high + (after < more_low)  # a sum that wrapped is smaller than its parts
    low[where] = after


def add_words_at(high: High, low: Low, rows: npt.NDArray[np.int32], more_high: High, more_low: Low) -> None:
    """Add row i of words to row rows[i], in place; a row may be named often (under 2^31 times)."""
    if len(rows) == len(np.unique(rows)):
        add_words(high, low, rows, more_high, more_low)
        return
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    lower, upper = np.zeros_like(low), np.zeros_like(low)
    np.add.at(lower, rows, more_low & mask)
    np.add.at(upper, rows, more_low >> half)
    np.add.at(high, rows, more_high)
    upper += lower >> half
    add_words(high, low, slice(None), (upper >> half).view(np.int64), (upper << half) | (lower & mask))


def sum_cells(
    cells: Sequence[npt.NDArray[np.float64]],
    groups: npt.NDArray[np.int32],
    num_groups: int,
    counts: npt.NDArray[np.uint8] | None = None,
    *,
    is_whole: Sequence[bool],
) -> tuple[High, Low]:
    """`sum_by_group` of several cells of each row: words of [num_groups, num_cells]. Cost: 1 ns a row and cell."""
    native = library()
    if native is None:
        high, low = np.zeros((num_groups, len(cells)), np.int64), np.zeros((num_groups, len(cells)), np.uint64)
        for index, (cell, whole) in enumerate(zip(cells, is_whole, strict=True)):
            high[:, index], low[:, index] = sum_by_group(cell, groups, num_groups, counts, is_whole=whole)
        return high, low
    held = [np.ascontiguousarray(cell, np.float64) for cell in cells]
    at = np.array([pointer(one) for one in held], np.uintp)
    groups = np.ascontiguousarray(groups, np.int32)
    words = np.zeros((num_groups, len(held), 2), np.uint64)
    times = None if counts is None else np.ascontiguousarray(counts, np.uint8)
    by, often = 0 if num_groups == 1 else pointer(groups), 0 if times is None else pointer(times)
    native.hr_sum_cells(pointer(at), len(held), by, len(groups), often, pointer(words))
    return np.ascontiguousarray(words[:, :, 1]).view(np.int64), np.ascontiguousarray(words[:, :, 0])


def sum_by_group(
    values: npt.NDArray[np.float64],
    groups: npt.NDArray[np.int32],
    num_groups: int,
    counts: npt.NDArray[np.uint8] | None = None,
    *,
    is_whole: bool = False,
) -> tuple[High, Low]:
    """Sum values of each group, each taken once, or `counts` (at most 31) times.

    Parameters
    ----------
    values : float64[num_rows]
        Finite, magnitude under TERM_LIMIT.
    groups : int32[num_rows]
        In 0 .. num_groups - 1.
    counts : uint8[num_rows], optional
        How often each row counts.
    is_whole : bool
        Whether all values are integers under 2^30, which needs no rounding and one pass instead of two.

    Returns words of [num_groups]. Cost: about 5 ns a row.
    """
    high, low = np.zeros(num_groups, np.int64), np.zeros(num_groups, np.uint64)
    # Limbs of 30 bits keep the float sums below exact: 2^22 rows taken once, or 2^17 taken up to 31 times.
    step = 1 << (22 if counts is None else 17)
    for start in range(0, len(values), step):
        part = slice(start, start + step)
        times = None if counts is None else counts[part]
        limbs, shift = ([values[part]], 40) if is_whole else (_limbs(np.rint(values[part] * _UNIT)), 0)
        for index, limb in enumerate(limbs):
            weights = limb if times is None else limb * times
            if num_groups == 1:
                sums = np.array([weights.sum()])
            else:
                sums = np.bincount(groups[part], weights=weights, minlength=num_groups)
            _add_shifted(high, low, sums.astype(np.int64), shift + _LIMB_BITS * index)
    return high, low


def _limbs(scaled: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Integral floats as signed limbs of 30 bits, lowest first. Truncation keeps every step exact."""
    size = float(np.abs(scaled).max(initial=0.0))
    limbs = []
    while size >= 2.0**_LIMB_BITS:
        rest = np.trunc(scaled * 2.0**-_LIMB_BITS)
        limbs.append(scaled - rest * 2.0**_LIMB_BITS)
        scaled, size = rest, size * 2.0**-_LIMB_BITS
    return [*limbs, scaled]


def _add_shifted(high: High, low: Low, sums: High, shift: int) -> None:
    """Add sums * 2^shift, |sums| < 2^53, shift under 64."""
    more_low = sums.view(np.uint64) << np.uint64(shift)
    more_high = sums >> np.int64(64 - shift if shift else 63)
    add_words(high, low, slice(None), more_high, more_low)


def words_of_counts(counts: npt.NDArray[np.int64]) -> tuple[High, Low]:
    """Counts, at least 0, as words."""
    return counts >> np.int64(24), counts.view(np.uint64) << np.uint64(40)


def to_float(high: High, low: Low) -> npt.NDArray[np.float64]:
    """The value of words, float64 of the same shape, within one unit in the last place."""
    is_negative = high < 0
    # Two's complement, undone: a small negative sum has all its leading bits set.
    size_low = np.where(is_negative, ~low + np.uint64(1), low)
    size_high = np.where(is_negative, ~high + (low == 0), high)
    size = size_high.astype(np.float64) * 2.0**24 + size_low.astype(np.float64) * 2.0**-40
    return np.where(is_negative, -size, size)

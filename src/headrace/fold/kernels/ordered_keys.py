"""Ordered keys: floats to grid cells that are in the order of the floats, and back to true bounds.

A finite float's magnitude bits, read as an integer, are in the order of magnitudes; a cell is those bits without the
lowest `shift`, counted from a floor, with the float's sign. So a cell is a relative width, and its bounds are floats.
Magnitudes below the floor, 2^-40 of the largest, share cell 0 with zero.

Shift and floor follow from the smallest and the largest value alone, and neither ever falls while the range grows:
counts under an old (shift, floor) can be moved to a new one exactly. With both signs, or a range of more than 32
binades, the shift is a constant; below that it is the least that fits the range.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["NUM_CELLS", "Scale", "bounds_of", "cells_of", "move_cells", "scale_of"]

NUM_CELLS = 1 << 16

_MAGNITUDE = np.int64((1 << 63) - 1)
_BINADES = 40  # below the largest magnitude's
_BOTH_SIGNS = 43  # 2 * 41 binades of 2^52 keys fit 2^16 cells; one sign needs 42 at most

Scale = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""(shift, floor) of each group: int64[num_groups], floor in units of 1 << shift."""


def _magnitudes(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    return np.asarray(values.view(np.int64) & _MAGNITUDE)


def scale_of(low: npt.NDArray[np.float64], high: npt.NDArray[np.float64]) -> Scale:
    """The scale of groups whose values lie in low .. high, both float64[num_groups]."""
    near, far = _magnitudes(low), _magnitudes(high)
    near, far = np.minimum(near, far), np.maximum(near, far)
    floor = np.maximum((far >> 52) - _BINADES, 0) << 52
    near = np.maximum(near, floor)
    shift = np.where((low < 0) & (high > 0), _BOTH_SIGNS, 0)
    while (wide := (far >> shift) - (near >> shift) >= NUM_CELLS).any():
        shift += wide
    return shift, floor >> shift


def cells_of(
    values: npt.NDArray[np.float64], scale: Scale, groups: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.int64]:
    """int64[n]: each value's cell under its group's scale (None: group 0's). Cost: about 3 ns a value."""
    shift, floor = (part[:1] if groups is None else part[groups] for part in scale)
    bits: npt.NDArray[np.int64] = values.view(np.int64)
    cells: npt.NDArray[np.int64] = bits & _MAGNITUDE
    cells >>= shift
    cells -= floor - 1
    np.maximum(cells, 0, out=cells)
    sign = bits >> 63
    cells ^= sign
    cells -= sign
    return cells


def move_cells(
    cells: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], old: Scale, new: Scale
) -> npt.NDArray[np.int64]:
    """The same cells under a scale whose range contains the old one's."""
    sign = cells >> 63
    keys = (cells ^ sign) - sign
    above = (keys + old[1][groups] - 1) >> (new[0] - old[0])[groups]
    moved = np.where(keys > 0, np.maximum(above - new[1][groups] + 1, 0), 0)
    return np.asarray((moved ^ sign) - sign)


def bounds_of(
    cells: npt.NDArray[np.int64], shift: int, floor: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The smallest and largest float of each cell of one group."""
    sign = cells >> 63
    keys = (cells ^ sign) - sign
    least = (keys + (floor - 1)) << shift
    most = least + ((1 << shift) - 1)
    near, far = least.view(np.float64), most.view(np.float64)
    below = np.int64(max((floor << shift) - 1, 0)).view(np.float64)
    low = np.where(keys == 0, -below, np.where(sign == 0, near, -far))
    high = np.where(keys == 0, below, np.where(sign == 0, far, -near))
    return low, high

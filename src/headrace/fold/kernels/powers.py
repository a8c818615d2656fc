"""Exact sums of m, m^2, m^3 and m^4 over 64-bit integers, by matrix products that cannot round.

An integer is cut into limbs of 18 bits, its square likewise. A product of two limbs has 36 bits, so 2^17 of them add
up below 2^53: a float64 matrix product of the limbs with themselves is exact whatever the order of its additions, and
holds every term of the four sums. Sums are kept as limbs of 36 bits in int64, carried to one canonical form.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.fold.kernels.native import pointer

__all__ = ["NUM_LIMBS", "POWER_LIMBS", "NativeSums", "carry", "power_sums", "to_integers", "weighted_power_sums"]

# Limbs of 36 bits that hold the sums of m^k, k = 1 .. 4, of 2^40 integers below 2^63: the top limb is signed.
POWER_LIMBS = (3, 5, 7, 9)
NUM_LIMBS = sum(POWER_LIMBS)

# Words of 64 bits that compiled kernels keep the same sums in, and after them how many values there were.
_POWER_WORDS = (2, 3, 4, 5)
_NUM_WORDS = sum(_POWER_WORDS)

_LIMB_BITS = 36
_LIMB_MASK = np.int64((1 << _LIMB_BITS) - 1)
_HALF_BITS = 18
_HALF_MASK = np.int64((1 << _HALF_BITS) - 1)
_BLOCK_ROWS = 1 << 14  # 2^17 at most, for exactness; a block's limbs then also stay in the cache
_MATRIX_ROWS = 48  # a matrix product costs a few microseconds to start: shorter segments are summed together


def _bounds() -> list[tuple[int, int]]:
    ends = np.cumsum((0, *POWER_LIMBS)).tolist()
    return list(itertools.pairwise(ends))


_BOUNDS = _bounds()


def carry(sums: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Carry limbs, in place, to canonical form: all but each power's top limb in 0 .. 2^36 - 1.

    Limbs may hold up to 2^62 before.
    """
    for first, last in _BOUNDS:
        for limb in range(first, last - 1):
            sums[..., limb + 1] += sums[..., limb] >> _LIMB_BITS
            sums[..., limb] &= _LIMB_MASK
    return sums


def _limbs(values: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64[3p + 1, n]: a row of ones, p limbs of each value, 2p limbs of its square (18 bits each)."""
    largest = max(int(values.max()), -int(values.min()) - 1)
    num = next(p for p in (1, 2, 3, 4) if largest < 1 << (_HALF_BITS * p - 1))
    table = np.empty((3 * num + 1, len(values)), np.float64)
    table[0] = 1.0
    parts = [values >> (_HALF_BITS * p) for p in range(num)]
    for p in range(num - 1):
        parts[p] &= _HALF_MASK
    for p in range(num):
        table[1 + p] = parts[p]
    over: Any = 0
    for place in range(2 * num - 1):
        total = over
        for p in range(max(0, place - num + 1), (place + 1) // 2):
            total = total + 2 * (parts[p] * parts[place - p])
        if place % 2 == 0:
            total = total + parts[place // 2] * parts[place // 2]
        table[1 + num + place] = total & _HALF_MASK
        over = total >> _HALF_BITS
    table[3 * num] = over
    return table


def _gather(products: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """int64[k, NUM_LIMBS] from products of limbs with limbs, float64[k, 3p + 1, 3p + 1]."""
    exact = products.astype(np.int64)
    num = (products.shape[-1] - 1) // 3
    value, square = slice(1, 1 + num), slice(1 + num, 1 + 3 * num)
    sums = np.zeros((len(products), NUM_LIMBS), np.int64)
    halves = [
        [(exact[:, 0, value], range(num))],
        [(exact[:, 0, square], range(2 * num))],
        [(exact[:, 1 + p, square], range(p, p + 2 * num)) for p in range(num)],
        [(exact[:, 1 + num + p, square], range(p, p + 2 * num)) for p in range(2 * num)],
    ]
    for (first, last), terms in zip(_BOUNDS, halves, strict=True):
        places = np.zeros((len(products), 2 * (last - first)), np.int64)
        for term, place in terms:
            places[:, place.start : place.stop] += term
        for half in range(places.shape[1] - 1):
            places[:, half + 1] += places[:, half] >> _HALF_BITS
            places[:, half] &= _HALF_MASK
        sums[:, first:last] = places[:, 0::2] + (places[:, 1::2] << _HALF_BITS)
    return sums


def power_sums(values: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Exact power sums of each segment.

    Parameters
    ----------
    values : int64[n]
        Any 64-bit integers.
    starts : int64[k]
        Where segments start, ascending, the first 0; none is empty.

    Returns
    -------
    int64[k, NUM_LIMBS]
        Canonical limbs of the sums of m, m^2, m^3, m^4.

    Cost: about 25 ns a value below 2^53, less for smaller ones; segments shorter than 48 values 5 times that.
    """
    num_segments = len(starts)
    sums = np.zeros((num_segments, NUM_LIMBS), np.int64)
    ends = np.append(starts[1:], len(values))
    segment = 0
    for first in range(0, len(values), _BLOCK_ROWS):
        last = min(first + _BLOCK_ROWS, len(values))
        table = _limbs(values[first:last])
        while segment < num_segments and ends[segment] <= first:
            segment += 1
        stop = int(np.searchsorted(starts, last))
        inside = np.arange(segment, stop)
        low = np.maximum(starts[inside], first) - first
        high = np.minimum(ends[inside], last) - first
        long = high - low >= _MATRIX_ROWS
        if long.any():
            products = np.stack(
                [table[:, a:b] @ table[:, a:b].T for a, b in zip(low[long].tolist(), high[long].tolist(), strict=True)]
            )
            sums[inside[long]] += _gather(products)
        if not long.all():
            sums[inside[~long]] += _gather(_short_products(table, low[~long], high[~long]))
        carry(sums)
    return sums


def _short_products(
    table: npt.NDArray[np.float64], low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """float64[k, w, w]: products of limbs with limbs, summed over many short segments at once."""
    lengths = high - low
    starts = np.cumsum(lengths) - lengths
    rows = np.repeat(low - starts, lengths) + np.arange(int(lengths.sum()))
    chosen = table[:, rows]
    width = len(table)
    products = np.empty((len(low), width, width), np.float64)
    for a in range(width):
        for b in range(a, width):
            products[:, a, b] = products[:, b, a] = np.add.reduceat(chosen[a] * chosen[b], starts)
    return products


def weighted_power_sums(
    values: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """`power_sums` where each value comes counts[i] >= 1 times: bit after bit of the counts, from the top.

    Cost: one pass over the values whose count has the bit, for each bit of the largest count.
    """
    sums = np.zeros((len(starts), NUM_LIMBS), np.int64)
    segments = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(values))))
    for bit in range(int(counts.max()).bit_length() - 1, -1, -1):
        sums *= 2
        chosen = np.flatnonzero((counts >> bit) & 1)
        if len(chosen):
            inside = segments[chosen]
            first = np.flatnonzero(np.append(True, inside[1:] != inside[:-1]))
            sums[inside[first]] += power_sums(values[chosen], first)
        carry(sums)
    return sums


class NativeSums:
    """Sums that compiled kernels keep, of finite float64 or int64 values: what `power_sums` gives, value after value.

    Size: 246 kB for floats, 120 bytes for integers.
    """

    def __init__(self, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self._words = np.zeros((2048 if dtype == np.float64 else 1, _NUM_WORDS + 1), np.uint64)

    def add(self, native: Any, values: npt.NDArray[Any], counts: npt.NDArray[np.int64] | None) -> None:
        """Add values, each counts[i] times (None: once)."""
        function = native.hr_power_sums_f64 if self.dtype == np.float64 else native.hr_power_sums_i64
        function(pointer(values), 0 if counts is None else pointer(counts), len(values), pointer(self._words))

    def take(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Places (biased exponents; of integers 1075) that occurred, and canonical limbs of the sums of each."""
        words = self._words
        places = np.flatnonzero(words[:, _NUM_WORDS])
        sums = np.zeros((len(places), NUM_LIMBS), np.int64)
        chosen, start = words[places], 0
        for (first, last), num_words in zip(_BOUNDS, _POWER_WORDS, strict=True):
            for limb in range(first, last):
                word, shift = divmod(_LIMB_BITS * (limb - first), 64)
                if limb == last - 1:  # what is left of the top word, with its sign
                    sums[:, limb] = chosen[:, start + word].view(np.int64) >> shift
                    continue
                bits = chosen[:, start + word] >> np.uint64(shift)
                if shift > 64 - _LIMB_BITS:
                    bits |= chosen[:, start + word + 1] << np.uint64(64 - shift)
                sums[:, limb] = bits.view(np.int64) & _LIMB_MASK
            start += num_words
        return (places if self.dtype == np.float64 else places + 1075), sums


def to_integers(sums: npt.NDArray[np.int64]) -> list[int]:
    """The four sums of one segment as Python integers, from int64[NUM_LIMBS]."""
    limbs = sums.tolist()
    return [sum(limbs[at] << (_LIMB_BITS * (at - first)) for at in range(first, last)) for first, last in _BOUNDS]

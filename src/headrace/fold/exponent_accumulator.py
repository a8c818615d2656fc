"""The exponent accumulator: exact sums of x, x^2, x^3 and x^4, so that no order of adding can be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from headrace.fold._column import read_column
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold.kernels.native import library
from headrace.fold.kernels.powers import (
    NUM_LIMBS,
    NativeSums,
    carry,
    power_sums,
    to_integers,
    weighted_power_sums,
)
from headrace.fold.tally import Tally
from headrace.kinds import Kind

__all__ = ["ExponentAccumulator", "Moments", "MomentsResult", "MomentsState", "Shape"]

_EXPONENT_BIAS = 1075  # of a float64 read as mantissa * 2^(biased exponent - 1075)
_NUM_EXPONENTS = 2048
_MANTISSA = np.int64((1 << 52) - 1)
_HIDDEN = np.int64(1 << 52)
# Rows are looked at in pieces whose working arrays fit the cache.
_PIECE_ROWS = 1 << 16


@dataclass(frozen=True)
class Shape:
    """Mean and shape of one group's finite values; NaN where there are none.

    `std_dev` is the population's; `skewness` and excess `kurtosis` too (0 for a normal distribution), and NaN where
    all values are equal. Each is the exact rational number rounded to float64 (the last two within 3 units in the
    last place).
    """

    mean: float
    std_dev: float
    skewness: float
    kurtosis: float


def _ratio(top: int, bottom: int) -> float:
    """top / bottom, correctly rounded; infinite where float64 ends."""
    try:
        return top / bottom
    except OverflowError:
        return math.inf if (top > 0) == (bottom > 0) else -math.inf


def _root(top: int, bottom: int) -> float:
    """The square root of top / bottom, from 128 or more exact bits: within one unit in the last place at any size."""
    if top == 0:
        return 0.0
    shift = max(0, 128 - top.bit_length() + bottom.bit_length())
    shift += shift & 1
    return _ratio(math.isqrt((top << shift) // bottom), 1 << (shift // 2))


def shape_of(count: int, sums: list[int], exponent: int) -> Shape:
    """The shape of `count` values from the exact sums of m^k (k = 1 .. 4), where each value is m * 2^exponent.

    >>> shape_of(4, [10, 30, 100, 354], 0)
    Shape(mean=2.5, std_dev=1.118033988749895, skewness=0.0, kurtosis=-1.36)
    """
    if count == 0:
        return Shape(math.nan, math.nan, math.nan, math.nan)
    first, second, third, fourth = sums
    up, down = (1 << exponent, 1) if exponent >= 0 else (1, 1 << -exponent)
    mean = _ratio(first * up, count * down)
    # count^k times the k-th central moment: integers.
    square = count * second - first * first
    std_dev = _root(square * up * up, count * count * down * down)
    if square == 0:
        return Shape(mean, std_dev, math.nan, math.nan)
    cube = count * count * third - 3 * count * first * second + 2 * first**3
    tesseract = (
        count**3 * fourth - 4 * count * count * first * third + 6 * count * first * first * second - 3 * first**4
    )
    skewness = (1 if cube > 0 else -1) * _root(cube * cube, square**3) if cube else 0.0
    return Shape(mean, std_dev, skewness, _ratio(tesseract - 3 * square * square, square * square))


def split_floats(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Finite floats as mantissa * 2^(place - 1075): int64 mantissas with the sign, int64 places in 1 .. 2046."""
    bits = values.view(np.int64)
    places = (bits >> 52) & 0x7FF
    mantissas = bits & _MANTISSA
    mantissas |= np.where(places > 0, _HIDDEN, 0)
    sign = bits >> 63
    return (mantissas ^ sign) - sign, np.maximum(places, 1)


@dataclass
class ExponentAccumulator(State):
    """Exact power sums of the values of each binary exponent: ragged over groups.

    Parameters
    ----------
    offsets : int64[num_groups + 1]
        Group g owns rows offsets[g] to offsets[g + 1] of the others.
    exponents : int16[n]
        Ascending within a group: these values are m * 2^exponent. Integers have the one exponent 0.
    sums : int64[n, 24]
        Limbs of 36 bits of the sums of m, m^2, m^3, m^4. Zeros add nothing and make no row.

    What comes to a lone group waits in the words of compiled kernels (no field, not encoded) until `canonical` adds it.
    Size: 194 bytes an exponent that occurs (at most 2,046; a column of measurements has 10 to 30).
    """

    offsets: npt.NDArray[np.int64]
    exponents: npt.NDArray[np.int16]
    sums: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        self._lone: NativeSums | None = None

    def canonical(self) -> Self:
        """The one form of equal contents."""
        if self._lone is not None:
            lone, self._lone = self._lone, None
            self._add_sums(*lone.take())
        return self

    @classmethod
    def empty(cls, num_groups: int) -> Self:
        """No values in any group."""
        return cls(np.zeros(num_groups + 1, np.int64), np.zeros(0, np.int16), np.zeros((0, NUM_LIMBS), np.int64))

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.offsets) - 1

    def add_values(self, values: npt.NDArray[Any], counts: npt.NDArray[np.int64] | None, groups: Groups | None) -> None:
        """Add finite float64 or int64 values, each counts[i] times (None: once), to groups (None: all to group 0).

        Cost: 2 ns a value to a lone group (7 where the processor lacks AVX-512), 40 ns to several or without kernels.
        """
        native = library()
        if native is not None and groups is None:
            if self._lone is None or self._lone.dtype != values.dtype:
                self.canonical()
                self._lone = NativeSums(values.dtype)
            self._lone.add(native, values, counts)
            return
        for first in range(0, len(values), _PIECE_ROWS):
            piece = slice(first, first + _PIECE_ROWS)
            self._add_piece(
                values[piece], None if counts is None else counts[piece], None if groups is None else groups[piece]
            )

    def _add_piece(self, values: npt.NDArray[Any], counts: npt.NDArray[np.int64] | None, groups: Groups | None) -> None:
        if values.dtype == np.float64:
            mantissas, keys = split_floats(values)
        else:
            mantissas, keys = values, np.full(len(values), _EXPONENT_BIAS, np.int64)
        if groups is not None:
            keys = keys + groups.astype(np.int64) * _NUM_EXPONENTS
        kept = np.flatnonzero(mantissas)
        if len(kept) == 0:
            return
        if groups is None and values.dtype != np.float64:
            order = kept
        else:
            # 16-bit keys are sorted by counting, several times faster.
            chosen = keys[kept]
            order = kept[np.argsort(chosen.astype(np.uint16) if groups is None else chosen, kind="stable")]
        keys, mantissas = keys[order], mantissas[order]
        starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        if counts is None:
            sums = power_sums(mantissas, starts)
        else:
            sums = weighted_power_sums(mantissas, counts[order], starts)
        self._add_sums(keys[starts], sums)

    def _keys(self) -> npt.NDArray[np.int64]:
        groups = np.repeat(np.arange(self.num_groups), np.diff(self.offsets))
        return groups * _NUM_EXPONENTS + self.exponents.astype(np.int64) + _EXPONENT_BIAS

    def _add_sums(self, keys: npt.NDArray[np.int64], sums: npt.NDArray[np.int64]) -> None:
        """Add limbs under keys of group * 2048 + place; a key may come twice."""
        if not len(keys):
            return
        if len(self.sums):
            keys, sums = np.concatenate([self._keys(), keys]), np.concatenate([self.sums, sums])
        distinct, inverse = np.unique(keys, return_inverse=True)
        total = np.zeros((len(distinct), NUM_LIMBS), np.int64)
        np.add.at(total, inverse, sums)
        self.sums = carry(total)
        self.exponents = (distinct % _NUM_EXPONENTS - _EXPONENT_BIAS).astype(np.int16)
        offsets = np.zeros(self.num_groups + 1, np.int64)
        np.cumsum(np.bincount(distinct // _NUM_EXPONENTS, minlength=self.num_groups), out=offsets[1:])
        self.offsets = offsets

    def join(self, other: ExponentAccumulator, groups: Groups) -> None:
        """Add another accumulator, whose group i is this one's group groups[i]."""
        self.canonical()
        other.canonical()
        if len(other.sums):
            keys = other._keys()
            target = groups.astype(np.int64)[keys // _NUM_EXPONENTS]
            self._add_sums(target * _NUM_EXPONENTS + keys % _NUM_EXPONENTS, other.sums)

    def shape(self, group: int, count: int) -> Shape:
        """Mean and shape of a group, in which `count` values (zeros too) were added."""
        self.canonical()
        first, last = int(self.offsets[group]), int(self.offsets[group + 1])
        exponents = self.exponents[first:last].tolist()
        lowest = exponents[0] if exponents else 0
        total = [0, 0, 0, 0]
        for exponent, limbs in zip(exponents, self.sums[first:last], strict=True):
            for power, value in enumerate(to_integers(limbs), start=1):
                total[power - 1] += value << (power * (exponent - lowest))
        return shape_of(count, total, lowest)


@dataclass
class MomentsState(State):
    """A tally beside an exponent accumulator."""

    tally: Tally
    accumulator: ExponentAccumulator

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return self.tally.num_groups


@dataclass(frozen=True)
class MomentsResult:
    """Mean, population standard deviation, skewness and excess kurtosis, each float64[num_groups] (see `Shape`)."""

    num_values: npt.NDArray[np.int64]
    mean: npt.NDArray[np.float64]
    std_dev: npt.NDArray[np.float64]
    skewness: npt.NDArray[np.float64]
    kurtosis: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments(Fold[MomentsState, MomentsResult]):
    """Exact mean, standard deviation, skewness and kurtosis of a column's finite values.

    Parameters
    ----------
    column : str
        The column read.
    kind : Kind
        integer, number, boolean (0 and 1) or timestamp (microseconds).

    Nulls, NaN and infinities are left out. Sums are exact, so results are rounded once, whatever the mean or order.
    Cost: 2 to 7 ns a value (40 without compiled kernels). State: 194 bytes for each binary exponent that occurs.

    >>> import pyarrow as pa
    >>> from headrace.fold import Rows
    >>> fold = Moments("x", "number")
    >>> rows = Rows(pa.record_batch({"x": [1e300, 1.0, None, -1e300]}))
    >>> float(fold.extract(fold.add(fold.create(1), rows, None)).mean[0])
    0.3333333333333333

    Source: Kulisch's exact accumulator, one short accumulator an exponent (Neal 2015, arXiv:1505.05571), to 4 powers.
    """

    column: str
    kind: Kind

    @property
    def columns(self) -> tuple[str, ...]:
        """The column read."""
        return (self.column,)

    def create(self, num_groups: int) -> MomentsState:
        """A state of no rows."""
        return MomentsState(Tally.empty(num_groups), ExponentAccumulator.empty(num_groups))

    def add(self, state: MomentsState, rows: Rows, groups: Groups | None) -> MomentsState:
        """Add rows; changes `state`."""
        column = state.tally.add(read_column(rows, self.column, self.kind, groups))
        values, kept_groups = column.kept()
        if values is not None:
            state.accumulator.add_values(values, None, kept_groups)
        return state

    def merge(self, left: MomentsState, right: MomentsState, groups: Groups) -> MomentsState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        left.tally.join(right.tally, groups)
        left.accumulator.join(right.accumulator, groups)
        return left

    def extract(self, state: MomentsState) -> MomentsResult:
        """The answer, group by group."""
        counts = state.tally.num_finite
        shapes = [state.accumulator.shape(group, int(count)) for group, count in enumerate(counts)]
        names = ("mean", "std_dev", "skewness", "kurtosis")
        return MomentsResult(
            counts, *(np.array([getattr(shape, name) for shape in shapes], np.float64) for name in names)
        )

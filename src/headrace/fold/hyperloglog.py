"""HyperLogLog: how many distinct values, from 16,384 bytes a group, within 1.6 % at 95 %."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.fold._column import read_column
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold.kernels.entries import arrow_of
from headrace.fold.kernels.hashing import hash_array
from headrace.fold.kernels.native import library, pointer
from headrace.fold.tally import Tally
from headrace.kinds import Kind

__all__ = ["DistinctCount", "DistinctResult", "DistinctState", "HyperLogLog"]

_PRECISION = 14
_NUM_REGISTERS = 1 << _PRECISION
_RANK_BITS = 64 - _PRECISION
_REST = np.uint64((1 << _RANK_BITS) - 1)
# Standard error 1.04 / sqrt(registers); 95 % of estimates lie within 1.96 of it.
_RELATIVE_BOUND = 1.96 * 1.04 / math.sqrt(_NUM_REGISTERS)
_PIECE_ROWS = 1 << 16


def _ranks(hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    """One more than the leading zeros of the lower 50 bits: their float64 form is exact, its exponent tells."""
    rest = (hashes & _REST).view(np.int64).astype(np.float64)
    exponents = rest.view(np.int64) >> 52
    return np.where(exponents > 0, _RANK_BITS + 1023 - exponents, _RANK_BITS + 1).astype(np.uint8)


def estimate(registers: npt.NDArray[np.uint8]) -> float:
    """How many distinct hashes filled one group's registers.

    Source: Ertl 2017, "New cardinality estimation algorithms for HyperLogLog sketches" (arXiv:1702.01284),
    algorithm 6: no empirical bias tables, and right from 0 to 2^60.
    """
    histogram = np.bincount(registers, minlength=_RANK_BITS + 2).tolist()
    if histogram[0] == _NUM_REGISTERS:
        return 0.0
    total = _NUM_REGISTERS * _tau(1.0 - histogram[_RANK_BITS + 1] / _NUM_REGISTERS)
    for rank in range(_RANK_BITS, 0, -1):
        total = 0.5 * (total + histogram[rank])
    total += _NUM_REGISTERS * _sigma(histogram[0] / _NUM_REGISTERS)
    return _NUM_REGISTERS / (2.0 * 0.6931471805599453) * (_NUM_REGISTERS / total)


def _sigma(share: float) -> float:
    weight, total, before = 1.0, share, -1.0
    while total != before:
        share *= share
        before, total = total, total + share * weight
        weight += weight
    return total


def _tau(share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0
    weight, total, before = 1.0, 1.0 - share, -1.0
    while total != before:
        share = math.sqrt(share)
        before = total
        weight *= 0.5
        total -= (1.0 - share) ** 2 * weight
    return total / 3.0


@dataclass
class HyperLogLog(State):
    """The largest rank seen in each register: uint8[num_groups, 16384]."""

    registers: npt.NDArray[np.uint8]

    @classmethod
    def empty(cls, num_groups: int) -> Self:
        """No values in any group."""
        return cls(np.zeros((num_groups, _NUM_REGISTERS), np.uint8))

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.registers)

    def add_hashes(self, hashes: npt.NDArray[np.uint64], groups: Groups | None) -> None:
        """Add values by their 64-bit hash, to groups (None: all to group 0). Cost: about 4 ns a value."""
        flat = self.registers.reshape(-1)
        for first in range(0, len(hashes), _PIECE_ROWS):
            piece = hashes[first : first + _PIECE_ROWS]
            places = (piece >> np.uint64(_RANK_BITS)).view(np.int64)
            if groups is not None:
                places = places + groups[first : first + _PIECE_ROWS].astype(np.int64) * _NUM_REGISTERS
            ranks = _ranks(piece)
            higher = np.flatnonzero(ranks > flat[places])  # few, once the registers have filled
            np.maximum.at(flat, places[higher], ranks[higher])

    def add_values(self, values: npt.NDArray[np.generic] | pa.Array, groups: Groups | None) -> None:
        """Add finite int64 or float64 values (no -0.0), or Arrow texts."""
        native = library()
        if native is not None and groups is None and isinstance(values, np.ndarray):
            words = np.ascontiguousarray(values)
            native.hr_hyperloglog(pointer(words), len(words), pointer(self.registers))
            return
        array = arrow_of(values) if isinstance(values, np.ndarray) else values
        self.add_hashes(hash_array(array), groups)

    def join(self, other: HyperLogLog, groups: Groups) -> None:
        """Add another, whose group i is this one's group groups[i]."""
        for source, group in enumerate(groups.tolist()):
            np.maximum(self.registers[group], other.registers[source], out=self.registers[group])

    def num_distinct(self, group: int) -> tuple[int, float]:
        """The estimate, and how far off it is at most with probability 0.95."""
        number = estimate(self.registers[group])
        return round(number), number * _RELATIVE_BOUND


@dataclass
class DistinctState(State):
    """A tally beside a HyperLogLog."""

    tally: Tally
    sketch: HyperLogLog

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return self.tally.num_groups


@dataclass(frozen=True)
class DistinctResult:
    """How many distinct values.

    Parameters
    ----------
    num_distinct : int64[num_groups]
        The estimates.
    error_bound : float64[num_groups]
        The truth is this near, with the probability.
    probability : float
        0.95.
    """

    num_distinct: npt.NDArray[np.int64]
    error_bound: npt.NDArray[np.float64]
    probability: float = 0.95


@dataclass(frozen=True)
class DistinctCount(Fold[DistinctState, DistinctResult]):
    """How many distinct values a column has, in bounded memory.

    Parameters
    ----------
    column : str
        The column read.
    kind : Kind
        integer, number, boolean, text or timestamp.

    Nulls, NaN and infinities are left out; 0.0 and -0.0 are one value.
    Cost: 8 ns a number, 10 ns each 8 bytes of text. State: 16 kB a group. Standard error 0.8 %.

    >>> import pyarrow as pa
    >>> from headrace.fold import Rows
    >>> fold = DistinctCount("x", "integer")
    >>> rows = Rows(pa.record_batch({"x": [1, 2, 2, None]}))
    >>> fold.extract(fold.add(fold.create(1), rows, None)).num_distinct.tolist()
    [2]

    Source: Flajolet et al. 2007, "HyperLogLog", precision 14; estimator by Ertl 2017 (arXiv:1702.01284).
    """

    column: str
    kind: Kind

    @property
    def columns(self) -> tuple[str, ...]:
        """The column read."""
        return (self.column,)

    def create(self, num_groups: int) -> DistinctState:
        """A state of no rows."""
        return DistinctState(Tally.empty(num_groups), HyperLogLog.empty(num_groups))

    def add(self, state: DistinctState, rows: Rows, groups: Groups | None) -> DistinctState:
        """Add rows; changes `state`."""
        column = state.tally.add(read_column(rows, self.column, self.kind, groups))
        values, kept_groups = column.kept()
        if values is None or not len(values):
            return state
        if column.dictionary is None:
            state.sketch.add_values(values, kept_groups)
        else:
            state.sketch.add_hashes(hash_array(column.dictionary)[values], kept_groups)
        return state

    def merge(self, left: DistinctState, right: DistinctState, groups: Groups) -> DistinctState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        left.tally.join(right.tally, groups)
        left.sketch.join(right.sketch, groups)
        return left

    def extract(self, state: DistinctState) -> DistinctResult:
        """The answer, group by group."""
        pairs = [state.sketch.num_distinct(group) for group in range(state.num_groups)]
        numbers, bounds = [number for number, _ in pairs], [bound for _, bound in pairs]
        return DistinctResult(np.array(numbers, np.int64), np.array(bounds, np.float64))

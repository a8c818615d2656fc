"""Loader: which rows come next, from one integer: exact resume in the middle of an epoch, for any number of processes.

The order of an epoch is a keyed permutation, computed and not stored: an alternating Feistel network over the bits of
the row's index, keyed by (seed, epoch); what falls outside the rows is sent through again until it is inside (cycle
walking). So any row of any epoch is found in constant time and no memory, whoever asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput

__all__ = ["Batch", "Loader", "permuted"]

_ROUNDS = 6
_BLOCK_ROWS = 65_536  # whose places are worked out together: NumPy's calls cost more than small blocks
_ONE = np.uint64(1)
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
_MASK = (1 << 64) - 1


def _mix(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64: every bit of the argument moves half of the result's. Changes its argument."""
    values ^= values >> np.uint64(30)
    values *= _MULTIPLIERS[0]
    values ^= values >> np.uint64(27)
    values *= _MULTIPLIERS[1]
    values ^= values >> np.uint64(31)
    return values


def _hashed(values: npt.NDArray[np.uint64], key: np.uint64) -> npt.NDArray[np.uint64]:
    """A keyed hash whose upper bits are the good ones."""
    made = values ^ key
    made *= _MULTIPLIERS[0]
    made ^= made >> np.uint64(32)
    made *= _MULTIPLIERS[1]
    return made


def _keys(seed: int, epoch: int) -> npt.NDArray[np.uint64]:
    start = _mix(np.array([seed & _MASK], np.uint64)) ^ _mix(np.array([(epoch + 1) & _MASK], np.uint64))
    steps = np.arange(1, _ROUNDS + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    return _mix(start + steps)


def permuted(positions: npt.NDArray[np.int64], num_rows: int, *, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """The rows at some places of an epoch's order.

    Parameters
    ----------
    positions : int64[count]
        Each 0 <= position < num_rows.
    num_rows : int
        How many rows there are.
    seed, epoch : int
        Together they choose the order.

    Returns
    -------
    int64[count]
        Row indices: over all positions, each of `range(num_rows)` once.

    Cost: about 0.1 us a row in blocks of some thousands; no memory beyond the arguments'.
    Source: Black and Rogaway, "Ciphers with arbitrary finite domains" (2002), for the cycle walking.

    >>> sorted(permuted(np.arange(5), 5, seed=1, epoch=0).tolist())
    [0, 1, 2, 3, 4]
    """
    bits = max(2, (num_rows - 1).bit_length())
    low = np.uint64(bits // 2)
    low_mask = (_ONE << low) - _ONE
    to_low, to_high = np.uint64(64 - bits // 2), np.uint64(64 - bits + bits // 2)
    keys = _keys(seed, epoch)

    def once(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
        left, right = values >> low, values & low_mask
        for number, key in enumerate(keys):
            if number % 2:
                right ^= _hashed(left, key) >> to_low
            else:
                left ^= _hashed(right, key) >> to_high
        left <<= low
        left |= right
        return left

    found = once(np.asarray(positions).astype(np.uint64))
    outside = np.flatnonzero(found >= np.uint64(num_rows))
    while len(outside):
        found[outside] = once(found[outside])
        outside = outside[found[outside] >= np.uint64(num_rows)]
    return found.astype(np.int64)


@dataclass(frozen=True)
class Batch:
    """Rows that are learnt from together.

    Parameters
    ----------
    position : int
        How many rows came before, since the first epoch began.
    next_position : int
        The same after it: what a checkpoint keeps.
    epoch : int
        From 0.
    index : int
        Of the batch in its epoch, from 0.
    is_last : bool
        Of its epoch.
    rows : int64[num_rows]
        Row indices of the whole batch, in its order; the same in every process.
    """

    position: int
    next_position: int
    epoch: int
    index: int
    is_last: bool
    rows: npt.NDArray[np.int64]

    def shard(self, number: int, num_shards: int) -> npt.NDArray[np.int64]:
        """Every `num_shards`-th row of it, from place `number` on: what one process takes."""
        return self.rows[number::num_shards]


@dataclass(frozen=True)
class Loader:
    """The batches of all epochs, in an order that (seed, epoch) fixes; any place of it is reached at once.

    An epoch's rows are cut evenly, into batches of `batch_rows` or some more, so that no batch is a small remainder:
    327 rows by 100 are 3 batches of 109.

    Parameters
    ----------
    num_rows : int
        At least one.
    batch_rows : int
        The fewest rows of a batch, where there are as many.
    seed : int
        Of the order.

    Raises InvalidInput where there is no row.

    Examples
    --------
    >>> loader = Loader(327, 100, seed=0)
    >>> [len(batch.rows) for batch in loader.batches(0, num_epochs=1)]
    [109, 109, 109]
    >>> [batch.index for batch in loader.batches(218, num_epochs=1)]
    [2]
    """

    num_rows: int
    batch_rows: int
    seed: int = 0

    def __post_init__(self) -> None:
        if self.num_rows < 1 or self.batch_rows < 1:
            raise InvalidInput(f"batches of {self.batch_rows} rows out of {self.num_rows}", expected="at least one row")

    @property
    def num_batches(self) -> int:
        """Batches of an epoch."""
        return max(1, self.num_rows // self.batch_rows)

    def start(self, index: int) -> int:
        """Where in its epoch a batch begins; that of `num_batches` is the epoch's end."""
        return index * self.num_rows // self.num_batches

    def batches(self, position: int, *, num_epochs: int) -> Iterator[Batch]:
        """The batches from a position on, which is where one begins, to the end of the last epoch.

        Raises InvalidInput for a position inside a batch: it was saved with other rows or another `batch_rows`.
        """
        epoch, offset = divmod(position, self.num_rows)
        index = -(-offset * self.num_batches // self.num_rows)
        if self.start(index) != offset:
            raise InvalidInput(
                f"no batch begins at position {position}",
                where="checkpoint",
                expected=f"one of {self.num_rows} rows in batches of {self.batch_rows}",
            )
        many = max(1, _BLOCK_ROWS // self.batch_rows)
        while epoch < num_epochs:
            before = epoch * self.num_rows
            for block in range(index, self.num_batches, many):
                end = min(block + many, self.num_batches)
                begin = self.start(block)
                places = np.arange(begin, self.start(end))
                rows = permuted(places, self.num_rows, seed=self.seed, epoch=epoch)
                for number in range(block, end):
                    first, stop = self.start(number), self.start(number + 1)
                    taken = rows[first - begin : stop - begin]
                    yield Batch(before + first, before + stop, epoch, number, number + 1 == self.num_batches, taken)
            epoch, index = epoch + 1, 0

"""States of very many columns, large ones packed until somebody asks for them."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Sequence
from typing import overload

import pyarrow as pa

from headrace.fold import State, decode, encode
from headrace.statistics._plan import AnyDistribution

__all__ = ["PackedStates", "give_back"]

_CODEC = "zstd"
_WORTH_BYTES = 1 << 16


class PackedStates(Sequence[State]):
    """States in the order of their folds, each its encoding, compressed where it is 64 kB or more.

    A column of floats with many values has a state of up to 1 MB, most of it small integers: of 5,000 columns that is
    more than the rows are. Asking for one unpacks it, anew each time. Cost: 2 ms a MB to pack, 1 ms to unpack.

    Parameters
    ----------
    items : iterable of (fold, state)
    """

    def __init__(self, items: Iterable[tuple[AnyDistribution, State]]) -> None:
        self._items = [_pack(fold, state) for fold, state in items]

    def extend(self, items: Iterable[tuple[AnyDistribution, State]]) -> None:
        """Add more states, at the end."""
        self._items += [_pack(fold, state) for fold, state in items]

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, index: int) -> State: ...
    @overload
    def __getitem__(self, index: slice) -> list[State]: ...
    def __getitem__(self, index: int | slice) -> State | list[State]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        item = self._items[index]
        if isinstance(item, State):
            return item
        fold, data, size = item
        found = decode(fold, pa.Codec(_CODEC).decompress(data, size, asbytes=True))
        assert isinstance(found, State)
        return found


def give_back() -> None:
    """Return memory that is free to the system, where the C library keeps it otherwise (glibc).

    Tables of counts come and go between small states that stay: after a thousand columns the holes are more than what
    lies between them. Cost: some 10 ms.
    """
    pa.default_memory_pool().release_unused()
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _pack(fold: AnyDistribution, state: State) -> State | tuple[AnyDistribution, bytes, int]:
    data = encode(fold, state)
    if len(data) < _WORTH_BYTES:
        return state
    return fold, pa.Codec(_CODEC).compress(data, asbytes=True), len(data)

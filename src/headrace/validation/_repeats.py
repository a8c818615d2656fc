"""Which rows hold what another row holds: exactly, and in bounded memory, by hashes in several passes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.dataset.rows import to_bools
from headrace.fold.kernels.hashing import combine, hash_array
from headrace.validation._contract import Context, Example, Masks
from headrace.validation._rows import NUM_EXAMPLES, Piece, gathered, plain_value, read_together

__all__ = ["Repeats", "find_repeats", "repeated_masks"]

HASHES_AT_ONCE = 1 << 24  # 128 MiB, and as much to sort them
_KEPT = 1 << 20
_VERIFIED = 1000  # so many repeated hashes are compared by value, as long as there are no more

Hashes = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Repeats:
    """What was found.

    Parameters
    ----------
    num_rows : int
        Rows that were compared: those without a null in these columns.
    num_repeated : int
        Rows whose values another row has too; every one of them counts.
    examples : tuple of Example
        The first ten.
    """

    num_rows: int
    num_repeated: int
    examples: tuple[Example, ...] = ()


def find_repeats(context: Context, names: Sequence[str], *, at_once: int = HASHES_AT_ONCE) -> Repeats:
    """Count the rows that repeat another in all of some columns.

    Parameters
    ----------
    context : Context
        The data set, and the schema that has these columns.
    names : sequence of str
        Columns; a row with a null in one of them is not compared. NaN equals NaN.
    at_once : int
        Hashes that are held at a time.

    Exact: equal values have equal hashes of 64 bits, and where few hashes repeat the values themselves are compared.
    Cost: one pass for each `at_once` rows, and one more where something repeats; 16 bytes a hash held.
    """
    num_rows, num_repeated, kept = 0, 0, list[Hashes]()
    for number, passes in _passes(context, at_once):
        hashes = [piece_hashes[_mine(piece_hashes, number, passes)] for _, _, piece_hashes in _hashed(context, names)]
        rows, repeated, together = _repeated(hashes)
        num_rows, num_repeated = num_rows + rows, num_repeated + together
        kept.append(repeated[:_KEPT])
    repeated = np.sort(np.concatenate(kept))[:_KEPT]
    if not len(repeated):
        return Repeats(num_rows, 0)
    if len(repeated) <= _VERIFIED:
        values = _by_value(context, names, repeated)
        repeated = np.array(sorted(values), np.uint64)
        num_repeated = sum(values.values())
    return Repeats(num_rows, num_repeated, _examples(context, names, repeated))


def repeated_masks(context: Context, names: Sequence[str], *, at_once: int = HASHES_AT_ONCE) -> Masks:
    """All rows that repeat another. Cost: two passes for each `at_once` rows; one byte a row."""
    found: Masks | None = None
    for number, passes in _passes(context, at_once):
        hashes = [one[_mine(one, number, passes)] for _, _, one in _hashed(context, names)]
        repeated = _repeated(hashes)[1]
        masks = gathered(context, ((piece, _at(valid, one, repeated)) for piece, valid, one in _hashed(context, names)))
        found = masks if found is None else [left | right for left, right in zip(found, masks, strict=True)]
    return found or []


def _passes(context: Context, at_once: int) -> Iterator[tuple[int, int]]:
    passes = max(1, -(-context.dataset.num_rows // at_once))
    return ((number, passes) for number in range(passes))


def _mine(hashes: Hashes, number: int, passes: int) -> Mask:
    """The hashes that this pass looks at."""
    return np.asarray(hashes % np.uint64(passes) == number)


def _hashed(context: Context, names: Sequence[str]) -> Iterator[tuple[Piece, Mask, Hashes]]:
    """Each piece, which of its rows are compared, and the hashes of these."""
    for piece in read_together(context, names):
        hashes: Hashes | None = None
        valid = np.ones(piece.num_rows, np.bool_)
        for column in piece.columns.values():
            one = hash_array(column)
            hashes = one if hashes is None else combine(hashes, one)
            valid &= to_bools(pc.is_valid(column))
        assert hashes is not None
        yield piece, valid, hashes[valid]


def _repeated(hashes: list[Hashes]) -> tuple[int, Hashes, int]:
    """How many hashes there are, those that come more than once, and how many rows these are."""
    joined = np.sort(np.concatenate([np.zeros(0, np.uint64), *hashes]))
    values, counts = np.unique(joined, return_counts=True)
    is_repeated = counts > 1
    return len(joined), values[is_repeated], int(counts[is_repeated].sum())


def _at(valid: Mask, hashes: Hashes, repeated: Hashes) -> Mask:
    mask = np.zeros(len(valid), np.bool_)
    if len(repeated):
        places = np.minimum(np.searchsorted(repeated, hashes), len(repeated) - 1)
        mask[valid] = repeated[places] == hashes
    return mask


def _by_value(context: Context, names: Sequence[str], repeated: Hashes) -> Counter[int]:
    """Of the hashes given, those that hold equal values, and in how many rows."""
    counts: Counter[tuple[int, str]] = Counter()
    for piece, valid, hashes in _hashed(context, names):
        at = np.flatnonzero(_at(valid, hashes, repeated))
        of = hashes[np.cumsum(valid)[at] - 1] if len(at) else hashes[:0]
        columns = [column.take(pa.array(at)) for column in piece.columns.values()]
        for index, one in enumerate(of.tolist()):
            counts[one, repr([plain_value(column[index]) for column in columns])] += 1
    found: Counter[int] = Counter()
    for (one, _), count in counts.items():
        if count > 1:
            found[one] += count
    return found


def _examples(context: Context, names: Sequence[str], repeated: Hashes) -> tuple[Example, ...]:
    found: list[Example] = []
    for piece, valid, hashes in _hashed(context, names):
        places = np.flatnonzero(_at(valid, hashes, repeated))[: NUM_EXAMPLES - len(found)]
        found += [piece.example(index, context.sensitive) for index in places.tolist()]
        if len(found) == NUM_EXAMPLES:
            break
    return tuple(found)

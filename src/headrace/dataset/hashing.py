"""Row ids and what is drawn from them: splits, samples, replicates. A stored format: it never changes.

A row id is the 64-bit hash of the key's values, in the key's order, nulls included; without a key it is the hash of
(span, ordinal of the source's file, row in that file). Whatever must be drawn per row is drawn from the row id under
a salt of its own, so draws are independent of each other and the same on any machine, engine and order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold.kernels.hashing import NULL_HASH, combine, hash_array, hash_text, mix

__all__ = ["ALGORITHM", "keyed_uniform", "position_ids", "row_ids", "split_of"]

# Written in every manifest; a data set of another algorithm is refused rather than split differently.
ALGORITHM = "splitmix64-words-1"

RowIds = npt.NDArray[np.uint64]


def row_ids(batch: pa.RecordBatch, key: Sequence[str]) -> RowIds:
    """The id of each row from its key's values.

    Parameters
    ----------
    batch : pyarrow.RecordBatch or pyarrow.Table [num_rows]
        Holds the key's columns; one that it lacks counts as null.
    key : sequence of str
        Order counts.

    Returns
    -------
    uint64[num_rows]
        Integer widths, dictionary encoding and timestamp units do not show; null is a value like any other.

    >>> batch = pa.record_batch({"a": pa.array([1, 1, None]), "b": pa.array(["x", "x", "x"])})
    >>> ids = row_ids(batch, ["a", "b"])
    >>> bool(ids[0] == ids[1]), bool(ids[0] == ids[2])
    (True, False)
    """
    ids = np.zeros(batch.num_rows, dtype=np.uint64)
    for name in key:
        if name not in batch.schema.names:
            ids = combine(ids, np.full(batch.num_rows, NULL_HASH))
            continue
        column = batch.column(name)
        chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        try:
            hashes = [hash_array(chunk) for chunk in chunks]
        except InvalidInput as error:
            raise InvalidInput(f"key {name!r}: {error.what}", expected=error.expected) from error
        ids = combine(ids, hashes[0] if len(hashes) == 1 else np.concatenate([*hashes, np.zeros(0, np.uint64)]))
    return ids


def position_ids(span: str, file_ordinal: int, start: int, num_rows: int) -> RowIds:
    """The ids of rows without a key: hashes of (span, ordinal of the source's file, row in that file)."""
    seed = combine(np.array([hash_text(span)], dtype=np.uint64), np.array([file_ordinal], dtype=np.uint64))
    return combine(np.repeat(seed, num_rows), np.arange(start, start + num_rows, dtype=np.uint64))


def keyed_uniform(row_id: RowIds, salt: str) -> RowIds:
    """A uniform 64-bit draw a row, the same for the same row and salt; draws of two salts are independent.

    >>> ids = np.arange(4, dtype=np.uint64)
    >>> bool((keyed_uniform(ids, "split") == keyed_uniform(ids, "sample")).any())
    False
    """
    return mix(combine(np.repeat(hash_text(salt), len(row_id)), row_id))


def split_of(row_id: RowIds, split: Mapping[str, int]) -> npt.NDArray[np.int32]:
    """The index into `list(split)` of each row's split.

    The order in which the splits are listed does not matter: {"train": 8, "eval": 2} puts a row where
    {"eval": 2, "train": 8} puts it. Weights count relative to their sum.
    """
    names = list(split)
    ordered = sorted(names)
    bounds = np.cumsum([split[name] for name in ordered]).astype(np.uint64)
    draw = ((keyed_uniform(row_id, "split") >> np.uint64(32)) * bounds[-1]) >> np.uint64(32)
    place = np.array([names.index(name) for name in ordered], dtype=np.int32)
    found: npt.NDArray[np.int32] = place[np.searchsorted(bounds, draw, side="right")]
    return found

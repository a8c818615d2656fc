"""Messages on the disk: part files, and all messages of a span in the one order that its rows have.

A part file is an Arrow IPC file (zstd), written whole and synced before a transaction names its batches; a batch holds
messages of one span, in order. The order is partition, position, id: numbers in partitions count as numbers, and an id
that is shorter comes first, so that ids which are numbers do too. It depends on nothing but the messages.
"""

from __future__ import annotations

import collections
import math
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from headrace import disk
from headrace.ingestion.spans import natural
from headrace.store import StreamPart

__all__ = ["PART", "in_order", "read_part", "tier_to_merge", "write_parts"]

PART = pa.schema(
    [
        ("partition", pa.string()),
        ("position", pa.int64()),
        ("message_id", pa.string()),
        ("event_us", pa.int64()),
        ("arrived_us", pa.int64()),
        ("data", pa.large_binary()),
        ("reason", pa.string()),
    ]
)
"""The columns of a part; `reason` of those set aside, `event_us` of the others."""

BLOCK_ROWS, BLOCK_BYTES = 50_000, 32 << 20
_MOST_OF_A_TIER = 32
_HELD = 8  # batches that are kept decoded while messages are put in order


def write_parts(folder: Path, groups: Iterable[tuple[str | None, pa.RecordBatch]]) -> list[StreamPart]:
    """Write batches, each of one span (None = set aside), as one new file; it is on the disk when this returns.

    Returns the parts, which no transaction names yet. Raises StoreError, with nothing left, when the disk refuses.
    """
    name = f"{uuid.uuid4().hex}.arrow"
    parts: list[StreamPart] = []
    with disk.open_to_write(folder / name) as file:
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        with pa.ipc.new_file(file, PART, options=options) as writer:
            for span, batch in groups:
                writer.write_batch(batch)
                parts.append(StreamPart(span, name, len(parts), batch.num_rows))
    if not parts:
        (folder / name).unlink()
    disk.sync_folder(folder)
    return parts


def read_part(folder: Path, part: StreamPart) -> pa.RecordBatch:
    """The messages of a part, columns as in PART."""
    with pa.memory_map(str(folder / part.file)) as file:
        return pa.ipc.open_file(file).get_batch(part.batch_index)


def in_order(folder: Path, parts: Sequence[StreamPart]) -> Iterator[pa.RecordBatch]:
    """The messages of parts, in their order, in blocks.

    Memory: where each stands (some 40 bytes a message), one block, and a few batches.
    """
    if not parts:
        return
    keys = pa.Table.from_batches([_keys(read_part(folder, part)) for part in parts])
    ranks = {name: rank for rank, name in enumerate(sorted(pc.unique(keys["partition"]).to_pylist(), key=natural))}
    distinct = keys["partition"].combine_chunks().dictionary_encode()
    rank = pa.array([ranks[name] for name in distinct.dictionary.to_pylist()], pa.int32()).take(distinct.indices)
    keys = keys.set_column(0, "partition", rank)
    order = (
        pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names]).to_numpy().astype(np.int64)
    )
    del keys
    starts = np.cumsum([0, *(part.num_rows for part in parts)], dtype=np.int64)
    which = np.searchsorted(starts, order, side="right") - 1
    held: collections.OrderedDict[int, pa.RecordBatch] = collections.OrderedDict()

    def batch_of(index: int) -> pa.RecordBatch:
        if index not in held:
            held[index] = read_part(folder, parts[index])
            if len(held) > _HELD:
                held.popitem(last=False)
        held.move_to_end(index)
        return held[index]

    for first in range(0, len(order), BLOCK_ROWS):
        these, places = which[first : first + BLOCK_ROWS], order[first : first + BLOCK_ROWS]
        pieces, came_from = [], []
        for index in np.unique(these):
            chosen = np.flatnonzero(these == index)
            pieces.append(batch_of(int(index)).take(pa.array(places[chosen] - starts[index])))
            came_from.append(chosen)
        joined = pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
        if len(pieces) > 1:
            back = np.empty(len(these), np.int64)
            back[np.concatenate(came_from)] = np.arange(len(these))
            joined = joined.take(pa.array(back))
        yield from _in_blocks(joined)


def _in_blocks(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Pieces of at most BLOCK_BYTES of messages, or one message."""
    if batch.num_rows == 0:
        return
    ends = np.cumsum(pc.fill_null(pc.binary_length(batch.column("data")), 0).to_numpy())
    first = 0
    while first < batch.num_rows:
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + BLOCK_BYTES, side="right")))
        yield batch.slice(first, last - first)
        first = last


def _keys(batch: pa.RecordBatch) -> pa.RecordBatch:
    names = batch.column("message_id")
    return pa.RecordBatch.from_arrays(
        [batch.column("partition"), batch.column("position"), pc.utf8_length(names), names],
        names=["partition", "position", "length", "message_id"],
    )


def tier_to_merge(parts: Sequence[StreamPart]) -> list[StreamPart]:
    """Parts of one span and of like size that have become many; empty when there are none.

    Each message is so written again once for every 16-fold of its span, and no span has more than some hundred parts.
    """
    tiers: dict[tuple[str | None, int | None, int], list[StreamPart]] = {}
    for part in parts:
        tiers.setdefault((part.span, part.version, int(math.log(part.num_rows + 1, 16))), []).append(part)
    return next((some for some in tiers.values() if len(some) >= _MOST_OF_A_TIER), [])

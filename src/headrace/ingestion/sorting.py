"""Batches that come in any order, as batches in the order of their values: sorted runs on disk, then merged."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["sorted_batches"]

_BATCH_ROWS = 1 << 16


def sorted_batches(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, order: Sequence[str], memory_bytes: int
) -> Iterator[pa.RecordBatch]:
    """The same rows, ordered by columns, nulls last, text by its bytes, NaN after all numbers.

    Rows that are equal in all of `order` come in any order: name all columns, and only equal rows are.

    Parameters
    ----------
    batches : iterable of pyarrow.RecordBatch
        Of this schema.
    schema : pyarrow.Schema
        Any types; structs and lists are ordered by their text.
    order : sequence of str
        The columns, the first one first.
    memory_bytes : int
        How much is sorted at a time. Rows beyond it lie in a temporary folder (`TMPDIR` says where) as sorted runs.

    Yields batches of at most 65,536 rows. Cost: one sort where all rows fit; else one write, one read, and of every
    batch as many comparisons as there are runs. Memory: three times `memory_bytes`, and a batch of each run.
    """
    with ExitStack() as stack:
        runs: list[Path] = []
        folder: Path | None = None
        held: list[pa.RecordBatch] = []
        num_bytes = 0
        for batch in batches:
            held.append(batch)
            num_bytes += batch.nbytes
            if num_bytes >= memory_bytes:
                if folder is None:
                    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-")))
                runs.append(_write(folder / f"{len(runs)}.arrow", _sort(pa.Table.from_batches(held, schema), order)))
                held, num_bytes = [], 0
        last = _sort(pa.Table.from_batches(held, schema), order)
        if folder is None:
            yield from last.to_batches(_BATCH_ROWS)
            return
        runs.append(_write(folder / f"{len(runs)}.arrow", last))
        del held, last
        yield from _merge([_read(run) for run in runs], schema, order)


def _sort(table: pa.Table, order: Sequence[str]) -> pa.Table:
    keys = {str(index): _key(table[name]) for index, name in enumerate(order)}
    rows = pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])
    return table.take(rows)


def _key(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of a type that Arrow sorts."""
    if not pa.types.is_nested(column.type):
        return column
    texts = [None if value is None else json.dumps(value, default=str, sort_keys=True) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _write(path: Path, table: pa.Table) -> Path:
    with pa.ipc.new_file(str(path), table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table, max_chunksize=_BATCH_ROWS)
    return path


def _read(path: Path) -> Iterator[pa.Table]:
    with pa.ipc.open_file(str(path)) as reader:
        for index in range(reader.num_record_batches):
            yield pa.Table.from_batches([reader.get_batch(index)])


def _merge(runs: Sequence[Iterator[pa.Table]], schema: pa.Schema, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Of what is held of all runs, all rows up to the first that is the last held of its run: nothing before them can
    still come."""
    heads: dict[int, pa.Table] = {}
    waiting = set(range(len(runs)))
    while True:
        for index in sorted(waiting):
            following = next(runs[index], None)
            if following is not None:
                heads[index] = following
        waiting.clear()
        if not heads:
            return
        tables, marks = list(heads.values()), []
        for index, table in heads.items():
            is_last = pa.array([False] * (table.num_rows - 1) + [True])
            marks.append(pa.table({"run": pa.repeat(pa.scalar(index, pa.int32()), table.num_rows), "is_last": is_last}))
        rows, marked = pa.concat_tables(tables), pa.concat_tables(marks)
        keys = {str(index): _key(rows[name]) for index, name in enumerate(order)}
        sort_keys = [(name, "ascending") for name in keys]
        sequence = pc.sort_indices(pa.table(keys), sort_keys=sort_keys)
        rows, marked = rows.take(sequence), marked.take(sequence)
        end = pc.index(marked["is_last"], True).as_py() + 1
        yield from rows.slice(0, end).cast(schema).to_batches(_BATCH_ROWS)
        waiting.add(marked["run"][end - 1].as_py())
        rest, owners = rows.slice(end), marked["run"].slice(end)
        heads = {index: rest.filter(pc.equal(owners, index)) for index in heads if index not in waiting}

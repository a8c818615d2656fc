"""Writing Parquet the one way headrace writes it: zstd, dictionaries, page checksums, row groups of 131,072 rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from headrace import disk
from headrace.errors import InvalidInput

__all__ = ["ROW_GROUP_ROWS", "write_parquet"]

ROW_GROUP_ROWS = 1 << 17
_MOST_GROUP_BYTES = 1 << 28  # rows that hold images: what one row group takes is in memory at once


def _row_groups(batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Tables of exactly ROW_GROUP_ROWS rows, the last one shorter, whatever the sizes of the batches.

    Less where a batch makes them 256 MiB or more.
    """
    held: list[pa.RecordBatch] = []
    count = size = 0
    for batch in batches:
        batch = batch.cast(schema)
        while count + batch.num_rows >= ROW_GROUP_ROWS:
            part = ROW_GROUP_ROWS - count
            yield pa.Table.from_batches([*held, batch.slice(0, part)], schema=schema)
            batch, held, count, size = batch.slice(part), [], 0, 0
        if batch.num_rows:
            held.append(batch)
            count += batch.num_rows
            size += batch.nbytes
        if size >= _MOST_GROUP_BYTES:
            yield pa.Table.from_batches(held, schema=schema)
            held, count, size = [], 0, 0
    if held:
        yield pa.Table.from_batches(held, schema=schema)


def write_parquet(path: Path, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> int:
    """Write batches of one schema as a new file; returns the number of rows.

    Raises InvalidInput for a type Parquet cannot hold, StoreError when the disk refuses. Memory: one row group.
    """
    num_rows = 0
    with disk.open_to_write(path) as file:
        try:
            writer = pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=True, write_page_checksum=True)
        except pa.ArrowNotImplementedError as error:
            raise InvalidInput(f"Parquet cannot hold a column: {error}", where=str(path)) from error
        with writer:
            for table in _row_groups(batches, schema):
                writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
                num_rows += table.num_rows
    return num_rows

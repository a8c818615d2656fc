"""Rows that are read more than once but come from what can only be read through: written down as Parquet, for a while.

Every pass over a data set after the first would read a CSV again, text by text and all columns of it. So its rows are
written once, compressed, into a temporary folder (`TMPDIR` says where), which goes when the last data set over them
does, or the process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from headrace.dataset.parquet_file import write_parquet
from headrace.dataset.reading import ParquetReader

__all__ = ["TemporaryReader"]


def _remove(folder: str, pid: int) -> None:
    if os.getpid() == pid:  # a forked process has the object too, and must leave the folder to its parent
        shutil.rmtree(folder, ignore_errors=True)


class TemporaryReader(ParquetReader):
    """A fragment over rows that were written down when it was made.

    Parameters
    ----------
    batches : iterable of RecordBatch
        The rows; read to the end at once.
    schema : pyarrow.Schema
        Their types.

    Raises StoreError when the disk is full. Memory: a row group.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], schema: pa.Schema) -> None:
        folder = tempfile.mkdtemp(prefix="headrace-")
        self._finalizer = weakref.finalize(self, _remove, folder, os.getpid())
        path = Path(folder) / "rows.parquet"
        write_parquet(path, batches, schema)
        super().__init__(path)

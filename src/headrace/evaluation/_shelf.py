"""Shelf: where what is known of each row of an evaluation lies, in memory or, of many rows, in files without a name.

Files are mapped, so that they are arrays like any other, and let go of after every block of rows: what an evaluation
of sums holds in memory does not depend on how many rows it has.
"""

from __future__ import annotations

import itertools
import mmap
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.settings import load_settings

__all__ = ["Shelf", "one_chunk"]

Values = npt.NDArray[Any]

_ROW_BYTES = 64  # what is known of a row: columns, groups, what folds make of it
_SHARE = 4  # of `memory_mb`, what rows may take before they are put on disk
_PART_ROWS = 1 << 18


class Shelf:
    """Arrays and tables of the rows of one evaluation.

    Parameters
    ----------
    is_on_disk : bool
        Whether they lie in files of the folder for temporary files. These have no name: nothing stays behind, whatever
        ends the process, and they are gone when nobody holds an array of them.
    """

    def __init__(self, *, is_on_disk: bool = False) -> None:
        self.is_on_disk = is_on_disk
        self._pages: list[mmap.mmap] = []

    @classmethod
    def of(cls, num_rows: int) -> Shelf:
        """On disk where so many rows would take more than a quarter of the setting `memory_mb`."""
        return cls(is_on_disk=num_rows * _ROW_BYTES * _SHARE > load_settings().memory_mb << 20)

    def parts(self, table: pa.Table) -> Iterator[pa.Table]:
        """The table, or where rows are put on disk a part of it after another."""
        step = _PART_ROWS if self.is_on_disk else max(table.num_rows, 1)
        for start in range(0, max(table.num_rows, 1), step):
            yield table.slice(start, step)

    def blocks(self, column: pa.ChunkedArray) -> list[pa.Array]:
        """A column as one array, or where it lies on disk as it lies there."""
        return column.chunks if self.is_on_disk and column.num_chunks else [one_chunk(column)]

    def put(self, blocks: Iterable[Values]) -> Values:
        """Blocks of rows, at least one, as one array that is not to be changed."""
        if not self.is_on_disk:
            held = list(blocks)
            return held[0] if len(held) == 1 else np.concatenate(held)
        with tempfile.TemporaryFile() as file:
            for block in blocks:
                file.write(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)
                self.let_go()
            found = np.frombuffer(self._mapped(file), block.dtype)
        return found.reshape(-1, *block.shape[1:])

    def table(self, tables: Iterable[pa.Table]) -> pa.Table:
        """Tables of one schema, at least one, as one."""
        if not self.is_on_disk:
            return pa.concat_tables(tables)
        with tempfile.TemporaryFile() as file:
            waiting = iter(tables)
            first = next(waiting)
            with pa.ipc.new_stream(file, first.schema) as writer:  # a stream, in which a dictionary may follow another
                for table in itertools.chain([first], waiting):
                    writer.write_table(table, max_chunksize=_PART_ROWS)
            return pa.ipc.open_stream(pa.py_buffer(self._mapped(file))).read_all()

    def column(self, column: pa.ChunkedArray) -> pa.Array:
        """A column as one array; on disk where its numbers have no nulls."""
        if not self.is_on_disk or column.null_count or column.num_chunks < 2:
            return column.combine_chunks()
        width, kind, chunks = 0, column.type, column.chunks
        if pa.types.is_fixed_size_list(kind):
            width, kind, chunks = kind.list_size, kind.value_type, [chunk.flatten() for chunk in chunks]
        if not pa.types.is_floating(kind) or any(chunk.null_count for chunk in chunks):
            return column.combine_chunks()
        whole = self.put(
            np.frombuffer(one.buffers()[1], kind.to_pandas_dtype())[one.offset :][: len(one)] for one in chunks
        )
        array = pa.Array.from_buffers(kind, len(whole), [None, pa.py_buffer(whole)])
        return pa.FixedSizeListArray.from_arrays(array, width) if width else array

    def let_go(self) -> None:
        """Of all that lies on disk hold nothing in memory: who reads it, reads it again."""
        if hasattr(mmap, "MADV_DONTNEED"):
            for pages in self._pages:
                pages.madvise(mmap.MADV_DONTNEED)

    def _mapped(self, file: Any) -> Any:
        file.flush()
        size = file.seek(0, 2)
        if not size:
            return b""
        pages = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
        self._pages.append(pages)
        return pages


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """A column as one array."""
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole

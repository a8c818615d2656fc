"""Opening fragments: a Parquet file or a table in memory, both as pieces that are read alone, batch after batch.

A piece is a row group, or a slice of a table: what one thread reads at a time, so that memory holds a batch a thread
and never a file. Every failure leaves as an InvalidInput that names the file.
"""

from __future__ import annotations

import difflib
import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from headrace.dataset.types import logical_schema, logical_type, renamed_schema
from headrace.errors import InvalidInput
from headrace.kinds import list_of_view
from headrace.places import is_url, open_to_read

__all__ = ["ArrowReader", "FragmentReader", "ParquetReader", "RenamedReader", "as_logical", "find_files", "nearby"]

PIECE_ROWS = 1 << 17
_FEW_PIECES, _LEAST_ROWS = 8, 1 << 15  # so that a thread seldom waits for another's last piece
_JOINED_ROWS = 1 << 15  # chunks below this, on average, are joined
_MOST_NAMED = 8
_BUFFER_BYTES = 1 << 18  # of each column that is read


class FragmentReader(Protocol):
    """What reading needs of one fragment; safe to share between threads."""

    name: str
    arrow_schema: pa.Schema
    piece_rows: tuple[int, ...]

    def batches(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows of one piece in order; text may come as a dictionary."""

    def columns(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows of one piece once for each column, alone in its batches: memory is one column's batch."""

    def null_count(self, column: str) -> int | None:
        """Nulls in a column, where that is known without reading it."""


def find_files(pattern: str | Path | Iterable[str | Path], kind: str = "Parquet") -> list[Path]:
    """The files that a path, a glob pattern or a list of these means, sorted; `kind` is for the message.

    Raises InvalidInput, with what was looked for, when there is none.
    """
    patterns = [pattern] if isinstance(pattern, (str, Path)) else list(pattern)
    found: list[Path] = []
    for item in patterns:
        text = str(item)
        named = [text] if Path(text).is_file() else glob.glob(text, recursive=True)  # noqa: PTH207  # takes absolute patterns
        paths = sorted(Path(path) for path in named if Path(path).is_file())
        if not paths:
            where = Path(text).absolute()
            raise InvalidInput(
                "no file found", where=str(where), expected=f"at least one {kind} file", fix=nearby(where)
            )
        found += paths
    if not found:
        raise InvalidInput("no file was named", expected=f"at least one {kind} file")
    return found


def nearby(path: Path) -> str:
    """What to say where no file is found: the nearest names in that folder, or the folder that is not there."""
    folder = path.parent
    if glob.has_magic(str(folder)) or "{" in str(folder):
        return ""
    if not folder.is_dir():
        return f"there is no folder {folder}"
    files = sorted(item.name for item in folder.iterdir() if item.is_file() and not item.name.startswith("."))
    alike = [name for name in files if Path(name).suffix == path.suffix]
    near = difflib.get_close_matches(path.name, alike, n=3) or difflib.get_close_matches(path.name, files, n=3)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are: {', '.join(alike[:_MOST_NAMED])}" if alike else ""


def as_logical(array: pa.Array) -> pa.Array:
    """The array in its logical type, but text stays as it is encoded (string, large_string or a dictionary of them)."""
    kind = array.type
    types = pa.types
    if types.is_dictionary(kind):
        if types.is_string(kind.value_type) or types.is_large_string(kind.value_type):
            return array
        return as_logical(array.dictionary_decode())
    if types.is_large_string(kind):
        return array
    if types.is_run_end_encoded(kind):
        import pyarrow.compute as pc

        return as_logical(pc.run_end_decode(array))
    if types.is_list_view(kind) or types.is_large_list_view(kind):
        array = list_of_view(array)
        kind = array.type
    target = logical_type(kind)
    return array if target == kind else array.cast(target, safe=not types.is_date64(kind))


def _logical_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    arrays = [as_logical(column) for column in batch.columns]
    if not arrays or all(new is old for new, old in zip(arrays, batch.columns, strict=True)):
        return batch
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


class ArrowReader:
    """A table in memory, in equal pieces of at most 131,072 rows; at least 8 of them, down to 32,768 rows."""

    def __init__(self, table: pa.Table, name: str) -> None:
        self.name = name
        self._table = table
        self.arrow_schema = logical_schema(table.schema, name)
        at_least = -(-table.num_rows // PIECE_ROWS)
        number = max(at_least, min(_FEW_PIECES, -(-table.num_rows // _LEAST_ROWS)))
        self._starts = [table.num_rows * place // number for place in range(number)] if number else []
        ends = [*self._starts[1:], table.num_rows]
        self.piece_rows = tuple(end - start for start, end in zip(self._starts, ends, strict=False))

    def batches(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """A slice of the table; its chunks are joined, because what a batch costs is more than a copy."""
        table = self._table.select(list(columns)).slice(self._starts[piece], self.piece_rows[piece])
        if any(column.num_chunks > 1 + table.num_rows // _JOINED_ROWS for column in table.columns):
            table = table.combine_chunks()
        for batch in table.to_batches(max_chunksize=batch_rows):
            if batch.num_rows:
                yield _logical_batch(batch)

    def columns(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """See FragmentReader."""
        for name in columns:
            yield from self.batches(piece, [name], batch_rows)

    def null_count(self, column: str) -> int | None:
        """See FragmentReader."""
        return int(self._table[column].null_count)


class RenamedReader:
    """A fragment whose columns go by other names.

    Parameters
    ----------
    reader : FragmentReader
        The fragment as it is.
    rename : mapping of str to str
        Its names -> the names they go by; those that it lacks change nothing.
    """

    def __init__(self, reader: FragmentReader, rename: Mapping[str, str]) -> None:
        self.name, self.piece_rows = reader.name, reader.piece_rows
        self.arrow_schema = renamed_schema(reader.arrow_schema, rename, reader.name)
        self._reader = reader
        self._names = dict(zip(self.arrow_schema.names, reader.arrow_schema.names, strict=True))

    def batches(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """As the fragment gives them, under the other names."""
        for batch in self._reader.batches(piece, [self._names[name] for name in columns], batch_rows):
            yield batch.rename_columns(list(columns))

    def columns(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """As the fragment gives them, under the other names."""
        known = {self._names[name]: name for name in columns}
        for batch in self._reader.columns(piece, list(known), batch_rows):
            yield batch.rename_columns([known[batch.schema.names[0]]])

    def null_count(self, column: str) -> int | None:
        """What the fragment says of the column under its own name."""
        return self._reader.null_count(self._names[column])


@contextmanager
def _named(name: str) -> Iterator[None]:
    """Whatever reading a file raises, as one error that names the file."""
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidInput("the file is not there", where=name, fix="bring it back, or ingest again") from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).split("\n", 1)[0][:300]
        raise InvalidInput(
            f"not a readable Parquet file: {reason}",
            where=name,
            fix="it may be cut short or of another format: deliver it again",
        ) from error


class ParquetReader:
    """A Parquet file, or one that lies behind a URL; a piece is a row group.

    The footer is read once; each call of `batches` opens its own handle, because handles are not for sharing.
    """

    def __init__(self, path: str | Path) -> None:
        self.name = str(path)
        with _named(self.name), _opened(self.name) as opened, pq.ParquetFile(opened) as file:
            self._metadata = file.metadata
            schema = file.schema_arrow
            self._dictionary = _dictionary_columns(file.metadata, schema)
        self.arrow_schema = logical_schema(schema, self.name)
        groups = range(self._metadata.num_row_groups)
        self.piece_rows = tuple(self._metadata.row_group(group).num_rows for group in groups)

    def batches(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """A row group, its text columns as dictionaries where the file has them so."""
        with _opened(self.name) as opened, self._file(opened, columns) as file:
            yield from self._read(file, piece, list(columns), batch_rows)

    def columns(self, piece: int, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """See FragmentReader; text that is no dictionary comes in batches of an eighth, because it may be long."""
        with _opened(self.name) as opened, self._file(opened, columns) as file:
            for name in columns:
                is_narrow = name in self._dictionary or _is_fixed(self.arrow_schema.field(name).type)
                yield from self._read(file, piece, [name], batch_rows if is_narrow else batch_rows // 8)

    def _file(self, opened: Any, columns: Sequence[str]) -> Any:
        with _named(self.name):
            return pq.ParquetFile(
                opened,
                metadata=self._metadata,
                read_dictionary=[name for name in columns if name in self._dictionary],
                page_checksum_verification=True,  # where the writer left checksums; without them damage can pass
                # Of a file a little at a time, or a whole row group lies in memory beside what is made of it; of a URL
                # few large requests instead of many small ones.
                buffer_size=0 if is_url(self.name) else _BUFFER_BYTES,
                pre_buffer=is_url(self.name),
            )

    def _read(self, file: Any, piece: int, columns: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        left = self.piece_rows[piece]
        found = file.iter_batches(batch_rows, row_groups=[piece], columns=columns, use_threads=False)
        while True:
            with _named(self.name):
                batch = next(found, None)
            if batch is None:
                break
            if batch.num_rows == 0:
                continue
            left -= batch.num_rows
            if columns:
                batch = batch.select(columns)
            yield _logical_batch(batch)
        if left:
            raise InvalidInput(f"row group {piece} holds {-left:+,} rows more than its footer says", where=self.name)

    def null_count(self, column: str) -> int | None:
        """See FragmentReader: the footer knows where every row group has statistics of a plain column."""
        total = 0
        for group in range(self._metadata.num_row_groups):
            row_group = self._metadata.row_group(group)
            chunks = [row_group.column(index) for index in range(row_group.num_columns)]
            found = [chunk.statistics for chunk in chunks if chunk.path_in_schema == column]
            if len(found) != 1 or found[0] is None or not found[0].has_null_count:
                return None
            total += found[0].null_count
        return total


@contextmanager
def _opened(name: str) -> Iterator[Any]:
    """What pyarrow opens: the path itself, so that its own file handles read it, or an object as a file."""
    if not is_url(name):
        yield name
        return
    with open_to_read(name) as file:
        yield file


def _is_fixed(data_type: pa.DataType) -> bool:
    """Whether a value takes eight bytes at most."""
    return bool(pa.types.is_primitive(data_type))


def _dictionary_columns(metadata: Any, schema: pa.Schema) -> frozenset[str]:
    """Text columns that the file keeps as dictionary codes throughout: decoding those as codes halves the time.

    A writer falls back to plain pages when a dictionary grows too large; such a chunk is more than four bytes a value,
    and building a dictionary from it would cost more than it saves.
    """
    texts = {item.name for item in schema if pa.types.is_string(logical_type(item.type))}
    found = set(texts)
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for index in range(row_group.num_columns):
            chunk = row_group.column(index)
            name = chunk.path_in_schema
            if name in found and (
                not chunk.has_dictionary_page or chunk.total_uncompressed_size > 4096 + 4 * chunk.num_values
            ):
                found.discard(name)
    return frozenset(found)

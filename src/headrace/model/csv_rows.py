"""Rows of CSV in the types that a model asks for, read as `headrace.ingestion` reads the files a model is fitted on.

The same reader means the same values: what is null, what is a number and what is a code (007) cannot differ between a
file that is learnt from and one that is asked about. The types are the model's, so the file is read once.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from headrace.dataset.csv_file import CsvFile, CsvFormat
from headrace.dataset.csv_values import TYPES, convert, narrow
from headrace.errors import InvalidInput, UnknownName
from headrace.model._values import EXPECTED, show
from headrace.model.columns import InputColumn

__all__ = ["csv_rows"]


def csv_rows(
    columns: Sequence[InputColumn],
    source: Path | BinaryIO,
    keep: Sequence[str],
    name: str,
    written: CsvFormat,
    rename: Mapping[str, str],
) -> Iterator[pa.RecordBatch]:
    """Batches of the model's columns and those that are kept; others, the label among them, are left alone.

    Parameters
    ----------
    columns : sequence of InputColumn
        The model's.
    source : Path or binary stream
        A file; a stream is copied to a temporary one first.
    keep : sequence of str
        Other columns, in the narrowest type that takes all their rows: with one of these the file is read twice.
    name : str
        What messages call the source.
    written, rename
        As `headrace.model.asking.ask` takes them.

    Raises UnknownName for a column that is missing, InvalidInput naming file and line for a value that is not of its
    column's type, and as `CsvFile` does.
    """
    with _on_disk(source) as path:
        try:
            file = CsvFile(path, written)
            names = [rename.get(item, item) for item in file.names]
            kinds = {column.name: column.kind for column in columns}
            for item in (*kinds, *keep):
                if item not in names:
                    raise UnknownName("column", item, names)
            wanted = [place for place, item in enumerate(names) if item in kinds or item in keep]
            types = {names[place]: TYPES.get(kinds.get(names[place], "")) for place in wanted}
            if any(kind is None for kind in types.values()):
                found = dict(zip(names, file.arrow_schema.types, strict=True))
                types = {item: found[item] if kind is None else kind for item, kind in types.items()}
            first = 0
            for batch in file.texts():
                values = []
                for place in wanted:
                    texts, kind = batch.column(place), types[names[place]]
                    try:
                        values.append(_convert(texts, kind))
                    except ValueError:
                        raise _refused(file, names[place], texts, first, kind) from None
                yield pa.RecordBatch.from_arrays(values, names=[names[place] for place in wanted])
                first += batch.num_rows
        except InvalidInput as error:
            error.where = (error.where or "").replace(str(path), name)
            raise type(error)(error.what, where=error.where, expected=error.expected, fix=error.fix) from None


@contextmanager
def _on_disk(source: Path | BinaryIO) -> Iterator[Path]:
    """The source as a file: its first line says how it is written before its rows are read."""
    if isinstance(source, Path):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        path = Path(folder) / "rows.csv"
        with path.open("wb") as file:
            shutil.copyfileobj(source, file)
        yield path


def _kind(data_type: pa.DataType) -> str:
    return next(name for name, known in TYPES.items() if known == data_type)


def _convert(texts: pa.Array, data_type: pa.DataType) -> pa.Array:
    return pa.nulls(len(texts), data_type) if texts.null_count == len(texts) else convert(texts, _kind(data_type))


def _refused(file: CsvFile, column: str, texts: pa.Array, first: int, data_type: pa.DataType) -> InvalidInput:
    """The first value that is not of its column's type."""
    kind = _kind(data_type)
    low, high = 0, len(texts)
    while high - low > 1:  # halves: one value is looked at a dozen times, not all of them one by one
        middle = (low + high) // 2
        try:
            _convert(texts.slice(low, middle - low), data_type)
            low = middle
        except ValueError:
            high = middle
    value = texts[low].as_py()
    is_word = narrow(texts.slice(low, 1)) == "text"
    means_null = f"--nulls {shlex.quote(value)} if it means that nothing is known; else mend the line"
    return InvalidInput(
        f"column {show(column)} holds {show(value)}",
        where=f"{file.path}, line {file.line_of(first + low):,}",
        expected=EXPECTED[kind],
        fix=means_null if is_word and len(value) <= 20 else "mend the line",
    )

"""Rows of a file or a stream to a model, a batch at a time: however many there are, memory is that of one batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from headrace.errors import HeadraceError, InvalidInput, UnknownName
from headrace.model._model import Model
from headrace.model._rows import Lanes
from headrace.schema import arrow_type

__all__ = ["FORMATS", "Asked", "ask", "format_of"]

FORMATS = ("parquet", "csv", "jsonl")
_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_BATCH_ROWS = 16_384


@dataclass(frozen=True)
class Asked:
    """Rows and what the model says of them.

    Parameters
    ----------
    first : int
        The number of the first row, counted from 0 over the whole source.
    kept : dict of str to list
        The values of the columns that are passed on.
    outputs : dict of str to float32[num_rows]
        `prediction`, and `margin` where the model has one.
    """

    first: int
    kept: dict[str, list[Any]]
    outputs: dict[str, npt.NDArray[np.float32]]

    @property
    def num_rows(self) -> int:
        """How many rows."""
        return len(self.outputs["prediction"])


def format_of(path: Path) -> str:
    """The format a file's name promises; InvalidInput for a name that promises none."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InvalidInput(
            f"{path.name!r} ends in no format that is known",
            where=str(path),
            expected=", ".join(_SUFFIXES),
            fix="--format says which it is",
        )
    return found


def ask(
    model: Model, source: Path | BinaryIO, *, form: str, keep: Sequence[str] = (), name: str = "rows"
) -> Iterator[Asked]:
    """Ask a model about every row of a source, in order.

    Parameters
    ----------
    model : Model
        Who is asked.
    source : Path or binary stream
        A file; or what is read once from its beginning, which Parquet cannot be.
    form : str
        "parquet", "csv" (a heading, then a row a line; the model's columns are read in the model's types, an empty
        cell is null) or "jsonl" (an object a line).
    keep : sequence of str
        Columns that are passed on.
    name : str
        What messages call the source.

    Raises UnknownName for a column that is missing, InvalidInput naming the source and the rows for a value that the
    model does not take. Cost: as `Model.predict`; memory for 16,384 rows.
    """
    names = [item for item in model.signature.outputs if item != "features"]
    first = 0
    pieces = _of_rows(model, source, keep, name) if form == "jsonl" else _of_batches(model, source, form, keep, name)
    while True:
        try:
            found = next(pieces, None)
        except HeadraceError as error:
            if isinstance(error, UnknownName):
                raise UnknownName(error.kind, error.name, error.known, where=name) from None
            where = f"{name}, rows from {first:,}" + (f": {error.where}" if error.where else "")
            raise type(error)(error.what, where=where, expected=error.expected, fix=error.fix) from None
        if found is None:
            return
        lanes, kept = found
        answer = Asked(first, kept, model.predict_lanes(lanes, names))
        yield answer
        first += answer.num_rows


def _of_batches(
    model: Model, source: Path | BinaryIO, form: str, keep: Sequence[str], name: str
) -> Iterator[tuple[Lanes, dict[str, list[Any]]]]:
    batches = _parquet(source, model, keep, name) if form == "parquet" else _csv(source, model, name)
    for batch in batches:
        for column in keep:
            if column not in batch.schema.names:
                raise UnknownName("column", column, batch.schema.names)
        for start in range(0, batch.num_rows, _BATCH_ROWS):
            piece = batch.slice(start, _BATCH_ROWS)
            yield model.codec.from_batch(piece), {column: piece.column(column).to_pylist() for column in keep}


def _parquet(source: Path | BinaryIO, model: Model, keep: Sequence[str], name: str) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    if not isinstance(source, Path):
        raise InvalidInput("Parquet cannot be read from a stream", where=name, fix="name the file")
    try:
        file = pq.ParquetFile(source)
        known = file.schema_arrow.names
        wanted = [*(column.name for column in model.columns), *keep]
        missing = [column for column in wanted if column not in known]
        if missing:
            raise UnknownName("column", missing[0], known)
        yield from file.iter_batches(_BATCH_ROWS, columns=list(dict.fromkeys(wanted)))
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(f"not Parquet that can be read: {_first_line(error)}") from error


def _csv(source: Path | BinaryIO, model: Model, name: str) -> Iterator[pa.RecordBatch]:
    from pyarrow import csv

    types = {column.name: arrow_type(column.kind) for column in model.columns}
    options = csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    try:
        yield from csv.open_csv(source if not isinstance(source, Path) else str(source), convert_options=options)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(
            f"not CSV as the model needs it: {_first_line(error)}",
            expected=", ".join(f"{column.name} ({column.kind})" for column in model.columns),
        ) from error


def _of_rows(
    model: Model, source: Path | BinaryIO, keep: Sequence[str], name: str
) -> Iterator[tuple[Lanes, dict[str, list[Any]]]]:
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                yield from _of_rows(model, file, keep, name)
        except OSError as error:
            raise InvalidInput(f"cannot be read: {error.strerror}") from error
        return
    wanted = {column.name for column in model.columns} | set(model.signature.ignored)
    number = 0
    while lines := list(itertools.islice(source, _BATCH_ROWS)):
        rows = []
        for line in lines:
            number += 1
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise InvalidInput(f"line {number:,} is not JSON: {error}", expected="an object a line") from None
            if not isinstance(row, dict):
                raise InvalidInput(f"line {number:,} is not an object", expected='{"column": value, ...}')
            rows.append(row)
        for row in rows:
            for column in keep:
                if column not in row:
                    raise UnknownName("column", column, row)
        if rows:
            kept = {column: [row[column] for row in rows] for column in keep}
            # A file may hold more than a request may: only a request's typing mistakes are caught by unknown names.
            asked = [{key: value for key, value in row.items() if key in wanted} for row in rows]
            yield model.codec.from_rows(asked), kept


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__

"""Rows of a file or a stream to a model, a batch at a time: however many there are, memory is that of one batch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa

from headrace.dataset.csv_file import CsvFormat, is_csv
from headrace.errors import HeadraceError, InvalidInput, UnknownName
from headrace.model._model import Model
from headrace.model._rows import Lanes
from headrace.model.answers import likeliest, to_column
from headrace.model.csv_rows import csv_rows

__all__ = ["FORMATS", "Asked", "ask", "format_of"]

FORMATS = ("parquet", "csv", "jsonl")
_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
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
    outputs : dict of str to float32[num_rows], of several classes [num_rows, num_classes]
        `prediction`, and `margin` where the model has one.
    classes : tuple of str or of int
        What they are of, in order; () = one number a row.
    """

    first: int
    kept: dict[str, list[Any]]
    outputs: dict[str, npt.NDArray[np.float32]]
    classes: tuple[str | int, ...] = ()

    @property
    def num_rows(self) -> int:
        """How many rows."""
        return len(self.outputs["prediction"])

    def columns(self) -> dict[str, pa.Array]:
        """The outputs as columns; of several classes `predicted_class`, then the probability of each: `prediction_AA`.

        A column for each class, because CSV knows no lists.
        """
        if not self.classes:
            return {name: to_column(values) for name, values in self.outputs.items()}
        found = {"predicted_class": likeliest(self.outputs["prediction"], self.classes)}
        shares = self.outputs["prediction"]
        return found | {f"prediction_{one}": to_column(shares[:, place]) for place, one in enumerate(self.classes)}


def format_of(path: Path) -> str:
    """The format a file's name promises; InvalidInput for a name that promises none."""
    found = "csv" if is_csv(path) else _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InvalidInput(
            f"{path.name!r} ends in no format that is known",
            where=str(path),
            expected=", ".join([*_SUFFIXES, ".csv", ".tsv"]),
            fix="--format says which it is",
        )
    return found


def ask(
    model: Model,
    source: Path | BinaryIO,
    *,
    form: str,
    keep: Sequence[str] = (),
    name: str = "rows",
    written: CsvFormat | None = None,
    rename: Mapping[str, str] | None = None,
) -> Iterator[Asked]:
    """Ask a model about every row of a source, in order.

    Parameters
    ----------
    model : Model
        Who is asked.
    source : Path or binary stream
        A file; or what is read once from its beginning, which Parquet cannot be.
    form : str
        "parquet", "csv" (read as the source of that name reads it, `headrace.model.csv_rows`) or "jsonl" (an object a
        line). What is no column of the model, such as its label, is left alone.
    keep : sequence of str
        Columns that are passed on.
    name : str
        What messages call the source.
    written : CsvFormat, optional
        How CSV is written.
    rename : mapping of str to str, optional
        What columns of Parquet and CSV are called there -> what the model calls them, as `ingest` takes it.

    Raises UnknownName for a column that is missing, InvalidInput naming the source and the rows for a value that the
    model does not take. Cost: as `Model.predict`; memory for 16,384 rows.
    """
    names = [item for item in model.signature.outputs if item != "features"]
    first = 0
    if form == "jsonl":
        pieces = _of_rows(model, source, keep, name)
    elif form == "csv":
        pieces = _of_batches(
            model, csv_rows(model.columns, source, keep, name, written or CsvFormat(), rename or {}), keep
        )
    else:
        pieces = _of_batches(model, _parquet(source, model, keep, name, rename or {}), keep)
    while True:
        try:
            found = next(pieces, None)
        except HeadraceError as error:
            if isinstance(error, UnknownName):
                raise UnknownName(error.kind, error.name, error.known, where=name) from None
            if (error.where or "").startswith(name):  # it says where itself, to the line
                raise
            where = f"{name}, rows from {first:,}" + (f": {error.where}" if error.where else "")
            raise type(error)(error.what, where=where, expected=error.expected, fix=error.fix) from None
        if found is None:
            return
        lanes, kept = found
        answer = Asked(first, kept, model.predict_lanes(lanes, names), model.signature.classes)
        yield answer
        first += answer.num_rows


def _of_batches(
    model: Model, batches: Iterator[pa.RecordBatch], keep: Sequence[str]
) -> Iterator[tuple[Lanes, dict[str, list[Any]]]]:
    for batch in batches:
        for column in keep:
            if column not in batch.schema.names:
                raise UnknownName("column", column, batch.schema.names)
        step = model.codec.most_rows(_BATCH_ROWS)
        for start in range(0, batch.num_rows, step):
            piece = batch.slice(start, step)
            yield model.codec.from_batch(piece), {column: piece.column(column).to_pylist() for column in keep}


def _parquet(
    source: Path | BinaryIO, model: Model, keep: Sequence[str], name: str, rename: Mapping[str, str]
) -> Iterator[pa.RecordBatch]:
    import pyarrow.parquet as pq

    if not isinstance(source, Path):
        raise InvalidInput("Parquet cannot be read from a stream", where=name, fix="name the file")
    try:
        file = pq.ParquetFile(source)
        known = {rename.get(column, column): column for column in file.schema_arrow.names}
        wanted = list(
            dict.fromkeys([*(column.name if column.name in known else column.root for column in model.columns), *keep])
        )
        missing = [column for column in wanted if column not in known]
        if missing:
            raise UnknownName("column", missing[0], known)
        for batch in file.iter_batches(_BATCH_ROWS, columns=[known[column] for column in wanted]):
            yield batch.rename_columns([rename.get(column, column) for column in batch.schema.names])
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(f"not Parquet that can be read: {_first_line(error)}") from error


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
    wanted = {name for column in model.columns for name in (column.name, column.root)} | set(model.signature.ignored)
    number = 0
    while lines := list(itertools.islice(source, model.codec.most_rows(_BATCH_ROWS))):
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

"""`headrace predict [FILE] [--endpoint ENDPOINT | --model MODEL]`: answer rows in this process, without a server."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headrace import progress
from headrace.cli.catalog import find_artifact
from headrace.cli.output import add_output, write_table
from headrace.cli.project import opened
from headrace.errors import InvalidInput, UnknownName

if TYPE_CHECKING:
    from headrace.dataset.csv_file import CsvFormat
    from headrace.model import Model
    from headrace.model.asking import Asked
    from headrace.store import Store

__all__ = ["EXAMPLES", "add_arguments", "execute"]

EXAMPLES = (
    "headrace predict july.parquet --endpoint late --to predictions.parquet",
    "headrace predict new.csv --model 3fa9 --keep flight --keep carrier --nulls NA",
    "cat rows.jsonl | headrace predict --endpoint late -o json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `predict` takes."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="Parquet, CSV or JSON lines; standard input by default")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--endpoint", metavar="ENDPOINT", help="by what it serves now; by default the only one there is")
    which.add_argument("--model", metavar="MODEL", help="by a model's digest or the beginning of it")
    forms = ("parquet", "csv", "jsonl")
    parser.add_argument("--format", choices=forms, help="of FILE, by its name; of standard input, jsonl")
    parser.add_argument(
        "--nulls", action="append", metavar="TEXT", help="what means null in CSV, such as NA; by default as in training"
    )
    parser.add_argument(
        "--delimiter", metavar="C", help="of CSV: , ; tab or |; by default as in training, or by line 1"
    )
    parser.add_argument("--keep", action="append", default=[], metavar="COLUMN", help="a column to put beside them")
    parser.add_argument("--to", metavar="FILE", help="write them there: .parquet, .csv or .jsonl")
    add_output(parser)


def execute(arguments: argparse.Namespace) -> int:
    """Print the predictions, or write them; always 0. Memory: a batch of rows."""
    from headrace.model.asking import ask, format_of
    from headrace.orchestration.origin import origin_of

    with opened() as (store, _):
        model = _model(store, arguments)
        origin = origin_of(store, model.digest)
    source = None if arguments.file in (None, "-") else Path(arguments.file)
    if source is not None and not source.is_file():
        raise InvalidInput("no such file", where=str(source), expected="a file of rows: Parquet, CSV or JSON lines")
    form = arguments.format or ("jsonl" if source is None else format_of(source))
    name = "standard input" if source is None else str(source)
    answers = ask(
        model,
        source or sys.stdin.buffer,
        form=form,
        keep=arguments.keep,
        name=name,
        written=_written(arguments, origin.written),
        rename=origin.rename,
    )
    if arguments.to is None:
        (_print_json if arguments.output == "json" else _print_table)(answers)
        return 0
    target = Path(arguments.to)
    number = _write(answers, target, format_of(target))
    if arguments.output == "json":
        sys.stdout.write(json.dumps({"model": model.digest, "num_rows": number, "file": str(target)}) + "\n")
    else:
        progress.say(f"{number:,} predictions of model {model.digest[:12]} are in {target}")
    return 0


def _written(arguments: argparse.Namespace, trained: CsvFormat) -> CsvFormat:
    """How CSV is written: as the files the model was fitted on, but for what is said."""
    changes: dict[str, Any] = {}
    if arguments.nulls is not None:
        changes["nulls"] = arguments.nulls
    if arguments.delimiter is not None:
        changes["delimiter"] = {"tab": "\t", "\\t": "\t"}.get(arguments.delimiter, arguments.delimiter)
    return replace(trained, **changes)


def _model(store: Store, arguments: argparse.Namespace) -> Model:
    from headrace.model import Model

    if arguments.model is not None:
        return store.load_artifact(find_artifact(store, "model", arguments.model).digest, Model)
    endpoints = {one.name: one for one in store.endpoints()}
    name = arguments.endpoint
    if name is None:
        if len(endpoints) != 1:
            raise InvalidInput(
                f"there are {len(endpoints)} endpoints: {', '.join(endpoints) or 'nothing was pushed yet'}",
                expected="--endpoint ENDPOINT or --model MODEL",
            )
        (name,) = endpoints
    if name not in endpoints:
        raise UnknownName("endpoint", name, endpoints)
    return store.load_artifact(endpoints[name].model_digest, Model)


def _rows(answer: Asked) -> Iterator[dict[str, Any]]:
    outputs = {name: values.to_pylist() for name, values in answer.columns().items()}
    for place in range(answer.num_rows):
        kept = {name: values[place] for name, values in answer.kept.items()}
        found = {name: values[place] for name, values in outputs.items()}
        yield {"row": answer.first + place, **kept, **found}


def _print_table(answers: Iterable[Asked]) -> None:
    """Tables of a batch each; all but the first without a heading, in the same columns where they fit."""
    for answer in answers:
        rows = [
            {name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()}
            for row in _rows(answer)
        ]
        if rows:
            write_table(rows, list(rows[0]), heading=answer.first == 0)


def _print_json(answers: Iterable[Asked]) -> None:
    """One document, written as it comes."""
    sys.stdout.write("[")
    lead = "\n"
    for answer in answers:
        for row in _rows(answer):
            sys.stdout.write(lead + _json(row))
            lead = ",\n"
    sys.stdout.write("\n]\n")


def _json(row: dict[str, Any]) -> str:
    plain = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()
    }
    return json.dumps(plain, default=str)


def _write(answers: Iterable[Asked], target: Path, form: str) -> int:
    """Write a file that appears whole or not at all; the number of rows."""
    import pyarrow as pa

    number = 0
    with _writing(target, form) as write:
        for answer in answers:
            columns = {"row": range(answer.first, answer.first + answer.num_rows), **answer.kept}
            kept = {name: pa.array(values) for name, values in columns.items()}
            write(pa.table({**kept, **answer.columns()}), answer)
            number += answer.num_rows
    return number


@contextmanager
def _writing(target: Path, form: str) -> Iterator[Any]:
    from pyarrow import csv

    from headrace import disk

    beside = target.with_name(f".{target.name}.new")
    with disk.open_to_write(beside) as file:
        writer: Any = None

        def write(table: Any, answer: Asked) -> None:
            nonlocal writer
            import pyarrow.parquet as pq

            if form == "jsonl":
                for row in _rows(answer):
                    file.write(_json(row).encode() + b"\n")
                return
            if writer is None:
                writer = (pq.ParquetWriter if form == "parquet" else csv.CSVWriter)(file, table.schema)
            writer.write_table(table.cast(writer.schema) if form == "parquet" else table)

        yield write
        if writer is not None:
            writer.close()
    disk.rename(beside, target)

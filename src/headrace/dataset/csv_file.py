"""A CSV file as typed rows: what its columns are is found by reading all of it, then it is read again."""

from __future__ import annotations

import csv
import functools
import io
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from headrace import progress
from headrace.dataset.csv_blocks import (
    BLOCK_BYTES,
    DELIMITERS,
    Block,
    find_bad_row,
    first_row_end,
    open_csv,
    read_blocks,
)
from headrace.dataset.csv_values import TYPES, convert, join, narrow
from headrace.dataset.temporary import TemporaryReader
from headrace.dataset.types import logical_schema
from headrace.errors import InvalidInput, InvalidSchema, UnknownName

__all__ = ["CsvFile", "CsvFormat", "is_csv", "join_shapes", "read_csv"]

_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
_NUMBER = re.compile(r"-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_KINDS = {kind: name for name, kind in TYPES.items()}


def is_csv(path: str | Path) -> bool:
    """Whether a path or pattern names CSV files.

    >>> is_csv("data/{span}.csv.gz"), is_csv("data/{span}.parquet")
    (True, False)
    """
    return str(path).lower().endswith(_SUFFIXES)


@dataclass(frozen=True)
class CsvFormat:
    """How CSV files are written.

    Parameters
    ----------
    delimiter : str or None
        One of `,` `;` tab `|`; None = the one that line 1 holds most of outside quotes, a comma where it holds none.
    nulls : sequence of str
        What means null when it is written without quotes, beside nothing at all: ("NA",).
    names : sequence of str
        The columns of files that have no header line; () = line 1 names them.
    text : sequence of str
        Columns that are text whatever they look like: codes, of which 007 shows it and 113 does not.

    >>> CsvFormat(delimiter=":")
    Traceback (most recent call last):
    headrace.errors.InvalidInput: delimiter ':'; expected one of , ; tab |
    """

    delimiter: str | None = None
    nulls: Sequence[str] = ()
    names: Sequence[str] = ()
    text: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter not in DELIMITERS):
            raise InvalidInput(f"delimiter {self.delimiter!r}", expected="one of , ; tab |")
        for role in ("nulls", "names", "text"):
            value = getattr(self, role)
            found = (value,) if isinstance(value, str) else tuple(value or ())
            if not all(isinstance(item, str) for item in found):
                raise InvalidInput(f"{role} = {value!r}", expected="texts")
            object.__setattr__(self, role, found)


class CsvFile:
    """One CSV file.

    Parameters
    ----------
    path : str or Path
        A file, or a URL; `.gz` is unpacked on the way.
    form : CsvFormat
        How it is written.
    block_bytes : int
        How much is read at a time; nothing of the result depends on it.

    Making one reads the header. Raises InvalidInput that names the file, and where there is one the line: no header, a
    column without a name or two of one name, and whatever `read_blocks` raises.
    """

    def __init__(self, path: str | Path, form: CsvFormat | None = None, *, block_bytes: int = BLOCK_BYTES) -> None:
        self.path, self.form = path, form or CsvFormat()
        self._block_bytes = block_bytes
        text, line = self._first_line()
        where = f"{path}, line {line}"
        self.delimiter = self.form.delimiter or _sniff(text)
        found = next(csv.reader([text], delimiter=self.delimiter))
        if self.form.names:
            if len(found) != len(self.form.names):
                raise _ragged(where, len(found), len(self.form.names), "names=", self.delimiter)
            self.names = tuple(self.form.names)
        else:
            self.names = _named(tuple(name.strip() for name in found))
            _check_names(self.names, where)
        logical_schema(pa.schema([pa.field(name, pa.string()) for name in self.names]), where)
        for name in self.form.text:
            if name not in self.names:
                raise UnknownName("column", name, self.names, where=where)

    def _first_line(self) -> tuple[str, int]:
        """The first line that is not empty, and its number."""
        known = self.form.delimiter or DELIMITERS
        for block in read_blocks(self.path, known, block_bytes=min(self._block_bytes, 1 << 16)):
            data = block.data.lstrip(b"\r\n")
            if data:
                line = block.line_at(len(block.data) - len(data))
                return data[: first_row_end(data, known)].decode(), line
        raise InvalidInput("the file is empty", where=str(self.path), expected="a header line that names the columns")

    @functools.cached_property
    def _scanned(self) -> tuple[pa.Schema, int]:
        kinds = ["text" if name in self.form.text else "null" for name in self.names]
        num_rows = 0
        for batch in self.texts():
            num_rows += batch.num_rows
            kinds = [
                kind if kind == "text" else narrow(values, kind)
                for kind, values in zip(kinds, batch.columns, strict=True)
            ]
        types = [TYPES[kind] for kind in kinds]
        return pa.schema([pa.field(name, kind) for name, kind in zip(self.names, types, strict=True)]), num_rows

    @property
    def arrow_schema(self) -> pa.Schema:
        """The narrowest types that take every row (`headrace.dataset.csv_values`). Cost: the file is read once."""
        return self._scanned[0]

    @property
    def num_rows(self) -> int:
        """Rows below the header. Cost: as `arrow_schema`."""
        return self._scanned[1]

    def batches(self, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
        """All rows in order, in the file's own types, or in wider ones that a join with other files gave.

        Raises InvalidSchema, naming the file, when the file holds something else by now. Memory: a block of 4 MiB as
        Arrow. Cost: the file is read once more.
        """
        schema = self.arrow_schema if schema is None else pa.schema([schema.field(name) for name in self.names])
        for batch in self.texts():
            columns = []
            for item, values in zip(schema, batch.columns, strict=True):
                try:
                    columns.append(convert(values, _KINDS[item.type]))
                except (ValueError, pa.ArrowException) as error:
                    raise InvalidSchema(
                        f"column {item.name!r} holds a value that is no {item.type}", where=str(self.path)
                    ) from error
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def texts(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, every column as text: for whoever knows the types. Memory: as `batches`."""
        names = list(self.names)
        skip_header = not self.form.names
        options = {
            "parse_options": pacsv.ParseOptions(
                delimiter=self.delimiter,
                newlines_in_values=True,
                ignore_empty_lines=len(names) > 1,  # with one column an empty line is a null
            ),
            "convert_options": pacsv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=["", *self.form.nulls],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                check_utf8=False,  # read_blocks has
            ),
        }
        for block in read_blocks(self.path, self.delimiter, block_bytes=self._block_bytes):
            if skip_header:
                block, skip_header = self._below_header(block)
            if not (block.data if len(names) == 1 else block.data.strip(b"\r\n")):
                continue
            reading = pacsv.ReadOptions(use_threads=False, column_names=names, block_size=len(block.data) + 1)
            try:
                table = pacsv.read_csv(pa.BufferReader(block.data), read_options=reading, **options)
            except pa.ArrowInvalid as error:
                raise self._explained(block, error) from error
            yield from table.combine_chunks().to_batches()

    def line_of(self, row: int) -> int:
        """The line that a row ends in, both counted as editors and `texts` do: rows from 0, lines from 1.

        Cost: the file is read up to there, by Python: for messages only.
        """
        with open_csv(self.path) as file:
            lines = csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), delimiter=self.delimiter)
            has_content = (lines.line_num for cells in lines if cells or len(self.names) == 1)
            return next(itertools.islice(has_content, row + (not self.form.names), None), lines.line_num)

    def _below_header(self, block: Block) -> tuple[Block, bool]:
        """What of the first block comes after the header; True while the header is still to come."""
        data = block.data.lstrip(b"\r\n")
        if not data:
            return Block(b"", block.line), True
        end = first_row_end(data, self.delimiter)
        end += 2 if data[end : end + 2] == b"\r\n" else 1
        place = len(block.data) - len(data) + end
        return Block(block.data[place:], block.line_at(place)), False

    def _explained(self, block: Block, error: pa.ArrowInvalid) -> InvalidInput:
        bad = find_bad_row(block, self.delimiter, len(self.names))
        if bad is None:
            reason = str(error).split("\n", 1)[0][:300]
            return InvalidInput(f"not readable as CSV: {reason}", where=f"{self.path}, after line {block.line}")
        line, count = bad
        expectation = "names=" if self.form.names else "line 1"
        return _ragged(f"{self.path}, line {line}", count, len(self.names), expectation, self.delimiter)


def _ragged(where: str, found: int, expected: int, by: str, delimiter: str) -> InvalidInput:
    shown = {"\t": "tab"}.get(delimiter, delimiter)
    return InvalidInput(
        f"{found} {'value' if found == 1 else 'values'} in a row",
        where=where,
        expected=f"{expected}, the columns that {by} names",
        fix=f"mend the line; a value that holds the delimiter ({shown}) or a quote is written in quotes",
    )


def _sniff(text: str) -> str:
    """The delimiter that a line holds most of outside quotes; of equals the first of DELIMITERS."""
    bare = re.sub(r'"[^"]*"', "", text)
    return max(DELIMITERS, key=bare.count)


def _named(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, a first one that is empty as `index`: pandas and R leave the column of their row names so."""
    return ("index", *names[1:]) if names[0] == "" and len(names) > 1 and "index" not in names else names


def _check_names(names: Sequence[str], where: str) -> None:
    for place, name in enumerate(names, 1):
        if not name:
            raise InvalidInput(
                f"column {place} of {len(names)} has no name",
                where=where,
                expected="a header line that names every column",
                fix="name it; only a first column may go without, as pandas and R write their index",
            )
    numbers = [name for name in names if _NUMBER.fullmatch(name)]
    count = [str(place) for place in range(len(names) + 1)]
    is_counted = list(names) in (count[:-1], count[1:])
    if any(not name.isdecimal() for name in numbers) or (len(numbers) == len(names) and not is_counted):
        raise InvalidInput(
            f"{numbers[0]!r} as the name of a column",
            where=where,
            expected="a header line that names the columns, not a row of values",
            fix="write one, or name the columns: names=[...]",
        )


def join_shapes(shapes: Sequence[tuple[str, pa.Schema]]) -> pa.Schema:
    """The schema in which CSV files of one span are read together: where their types differ, one that takes both.

    Raises InvalidSchema that names files and columns when they do not have the same columns.

    >>> one, two = pa.schema([("x", pa.int64())]), pa.schema([("x", pa.float64())])
    >>> join_shapes([("one.csv", one), ("two.csv", two)]).field("x").type
    DataType(double)
    """
    names = shapes[0][1].names
    for where, schema in shapes[1:]:
        other = sorted(set(schema.names) ^ set(names))
        if other:
            has, lacks = (where, shapes[0][0]) if other[0] in schema.names else (shapes[0][0], where)
            raise InvalidSchema(
                f"column {other[0]!r} is in {has} and not in {lacks}",
                expected="the same columns in all files of a span",
                fix="mend the header, rename=, or give the file a span of its own: {span} in the pattern",
            )
    kinds = [functools.reduce(join, (_KINDS[schema.field(name).type] for _, schema in shapes)) for name in names]
    return pa.schema([pa.field(name, TYPES[kind]) for name, kind in zip(names, kinds, strict=True)])


def read_csv(paths: Sequence[Path], form: CsvFormat) -> tuple[pa.Schema, list[TemporaryReader]]:
    """Files of one span: the types that take all of their rows, and the rows, written down for a while."""
    files = [CsvFile(path, form) for path in paths]
    schema = join_shapes([(str(file.path), file.arrow_schema) for file in files])
    readers = [
        TemporaryReader((batch.select(schema.names) for batch in file.batches(schema)), schema)
        for file in progress.track(files, "csv", unit="files")
    ]
    return schema, readers

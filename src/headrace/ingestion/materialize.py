"""Spans as artifacts: a source's files written down once, the way headrace writes Parquet, under their digest.

A span's artifact knows nothing of roles, splits or its own name, so one copy serves every data set and every window
that holds it; a data set is then a manifest that points at the spans beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from headrace import disk, progress
from headrace.canonical import digest, from_canonical, to_canonical
from headrace.dataset import Dataset, Fragment, Roles, Span
from headrace.dataset.digest import RowsDigest
from headrace.dataset.parquet_file import write_parquet
from headrace.dataset.reading import ParquetReader
from headrace.dataset.records import check_split
from headrace.dataset.types import parse_type, type_text
from headrace.errors import HeadraceError, InvalidInput, StoreTooNew
from headrace.ingestion._contract import Piece, Source
from headrace.ingestion.one_span import OneSpan
from headrace.ingestion.resolved import ResolvedSpan
from headrace.ingestion.sources.parquet import Parquet

__all__ = ["WrittenSpan", "combine_spans", "write_span"]

_FORMAT = 1
_NAME = "span.json"


@dataclass(frozen=True)
class WrittenSpan:
    """A span that lies in a folder: `span.json`, and `0.parquet`, `1.parquet` ... one for each file of the source.

    Parameters
    ----------
    folder : Path
        Where it lies: an attempt's folder, later `artifacts/<digest>`.
    arrow_schema : pyarrow.Schema
        Names and logical types.
    rows : tuple of int
        Rows of each file; files stay apart, because rows without a key are known by their place in them.
    values : str
        The logical digest of all rows in order.
    """

    kind: ClassVar[str] = "span"

    folder: Path
    arrow_schema: pa.Schema
    rows: tuple[int, ...]
    values: str

    @property
    def num_rows(self) -> int:
        """Rows in all files."""
        return sum(self.rows)

    def to_plain(self) -> dict[str, Any]:
        """What `span.json` holds."""
        columns = [[item.name, type_text(item.type)] for item in self.arrow_schema]
        return {"format": _FORMAT, "kind": "span", "columns": columns, "rows": list(self.rows), "values": self.values}

    @property
    def digest(self) -> str:
        """Logical: what the rows say and how they fall into files; not who wrote the files, nor their bytes."""
        return digest(["span", _FORMAT, list(self.rows), self.values])

    def save(self, folder: Path) -> None:
        """Copy it into an existing empty folder."""
        for index in range(len(self.rows)):
            name = f"{index}.parquet"
            with (self.folder / name).open("rb") as source, disk.open_to_write(folder / name) as target:
                while block := source.read(1 << 20):
                    target.write(block)
        disk.write_file(folder / _NAME, to_canonical(self.to_plain()))

    @classmethod
    def load(cls, folder: Path) -> WrittenSpan:
        """Read what `write_span` or `save` wrote; InvalidInput when it is damaged."""
        path = folder / _NAME
        try:
            plain = from_canonical(path.read_bytes())
            if plain["format"] > _FORMAT:
                raise StoreTooNew(f"span of format {plain['format']}", where=str(path), fix="upgrade headrace")
            schema = pa.schema([pa.field(name, parse_type(text)) for name, text in plain["columns"]])
            return cls(folder.absolute(), schema, tuple(plain["rows"]), plain["values"])
        except HeadraceError:
            raise
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise InvalidInput(f"not a span: {type(error).__name__}: {error}", where=str(path)) from error


def write_span(
    span: ResolvedSpan, folder: Path, *, source: Source | None = None, rename: Mapping[str, str] | None = None
) -> WrittenSpan:
    """Write a span's rows into an existing empty folder and take their digest on the way.

    Parameters
    ----------
    span : ResolvedSpan
        What the run was planned on; a piece that has changed since is an InvalidInput, never silently other rows.
    folder : Path
        Existing and empty.
    source : Source, optional
        Who reads the pieces; Parquet by default.
    rename : mapping of str to str, optional
        The files' names of columns -> those that they are written under; see `ingest`.

    Raises InvalidInput naming the file that cannot be read, InvalidSchema when the files of this one span differ in
    shape. Cost: one decoding and one encoding of every row, and what the source needs to know their types: for CSV one
    more reading. Memory: a row group.
    """
    source = source or Parquet("")
    fragments = [Fragment("file", piece.locator, None) for piece in span.pieces]
    _check_unchanged(source, fragments, span.pieces)
    read = OneSpan(source, fragments, rename or {})
    found = RowsDigest(read.schema, ["span"])

    def counted(index: int) -> Iterator[pa.RecordBatch]:
        for batch in read.batches(index):
            found.add(batch, None)
            yield batch

    rows = [
        write_parquet(folder / f"{index}.parquet", counted(index), read.schema)
        for index in progress.track(range(len(fragments)), f"ingest {span.name}", unit="files")
    ]
    _check_unchanged(source, fragments, span.pieces)
    written = WrittenSpan(folder.absolute(), read.schema, tuple(rows), found.finish())
    disk.write_file(folder / _NAME, to_canonical(written.to_plain()))
    return written


def _check_unchanged(source: Source, fragments: Sequence[Fragment], pieces: Sequence[Piece]) -> None:
    """Raise InvalidInput, naming the piece, where one is not what it was. Cost: that of `look`, marks known."""
    known = {(piece.locator, piece.mark): piece.identity for piece in pieces}
    for fragment, piece in zip(fragments, pieces, strict=True):
        if source.look(fragment, known).identity != piece.identity:
            raise InvalidInput("it changed after the run was planned", where=piece.locator, fix="start a new run")


def combine_spans(
    spans: Sequence[tuple[str, WrittenSpan] | tuple[str, WrittenSpan, int]],
    *,
    roles: Roles | None = None,
    split: Mapping[str, int] | None = None,
    reuse: Dataset | None = None,
) -> Dataset:
    """A data set over written spans: its manifest will say `../<digest of the span>/0.parquet`.

    Parameters
    ----------
    spans : sequence of (name, WrittenSpan) or (name, WrittenSpan, version)
        In order. They may still lie in an attempt's folder: they are read there.
    roles : Roles, optional
        Which columns mean what; UnknownName for one that no span has.
    split : mapping of str to int, optional
        Weights of the splits.
    reuse : Dataset, optional
        A data set whose digests of parts are taken over for the spans both have, so that only new spans are read.
    """
    records, readers = [], {}
    for name, written, *versions in spans:
        found = written.digest
        fragments = tuple(
            Fragment("parquet", f"../{found}/{index}.parquet", rows) for index, rows in enumerate(written.rows)
        )
        records.append(Span(name, versions[0] if versions else 1, written.arrow_schema, fragments))
        for index in range(len(fragments)):
            readers[name, index] = ParquetReader(written.folder / f"{index}.parquet")
    data = Dataset(tuple(records), roles or Roles(), check_split(split), _readers=dict(readers))
    return data.reuse_summary(reuse)

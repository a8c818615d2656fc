"""From a fragment to rows: opened, checked by the manifest, with row ids, splits and weights beside the batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset.digest import RowsDigest
from headrace.dataset.hashing import position_ids, row_ids, split_of
from headrace.dataset.manifest import Summary, part_name, resolve
from headrace.dataset.nested import root_of, select_with_fields, with_fields
from headrace.dataset.reading import ArrowReader, FragmentReader, ParquetReader
from headrace.dataset.records import Roles, Span
from headrace.dataset.rows import as_weights, filter_rows
from headrace.dataset.types import difference_text, differences
from headrace.errors import InvalidInput, InvalidSchema
from headrace.fold import Rows

__all__ = ["BATCH_ROWS", "Scan", "Scanned", "Splits", "as_shared", "open_fragment", "summarize_span"]

BATCH_ROWS = 65536

Splits = npt.NDArray[np.int32]
Scanned = Iterator[tuple[Rows, Splits | None]]


def open_fragment(span: Span, fragment_index: int, base: Path | None, tables: Sequence[pa.Table]) -> FragmentReader:
    """The opened fragment; InvalidInput or InvalidSchema when the file is not what the manifest says."""
    fragment = span.fragments[fragment_index]
    if fragment.source == "arrow":
        return ArrowReader(tables[int(fragment.locator)], f"span {span.name}")
    if fragment.source != "parquet":
        raise InvalidInput(f"a fragment of source {fragment.source!r}", where=f"span {span.name}", expected="parquet")
    found = ParquetReader(resolve(fragment.locator, base))
    num_rows = sum(found.piece_rows)
    if fragment.num_rows is not None and num_rows != fragment.num_rows:
        raise InvalidInput(
            f"{num_rows:,} rows where the manifest says {fragment.num_rows:,}", where=found.name, fix="ingest again"
        )
    if not found.arrow_schema.equals(span.arrow_schema):  # another order of columns is fine
        uneven = differences([("the manifest", span.arrow_schema), ("the file", found.arrow_schema)])
        if uneven:
            shown = "; ".join(difference_text(name, kinds) for name, kinds in list(uneven.items())[:5])
            raise InvalidSchema(f"{shown}, of span {span.name}", where=found.name, fix="ingest again")
    return found


@dataclass(frozen=True, eq=False)
class Scan:
    """How the rows of one fragment are read, whatever their split.

    Parameters
    ----------
    reader : FragmentReader
        The opened fragment.
    span : Span
        The span it belongs to.
    fragment_index : int
        Its place there: the ordinal of the source's file.
    roles : Roles
        Key and weight are read from here.
    split : mapping of str to int, or None
        The weights of the splits.
    keep : bool[rows of the fragment] or None
        Which rows count; None = all.
    """

    reader: FragmentReader
    span: Span
    fragment_index: int
    roles: Roles
    split: Mapping[str, int] | None
    keep: npt.NDArray[np.bool_] | None

    def run(
        self,
        names: Sequence[str],
        *,
        row_id: bool = False,
        with_split: bool = False,
        batch_rows: int = BATCH_ROWS,
        pieces: Iterable[int] | None = None,
        apart: bool = False,
    ) -> Scanned:
        """Batches of these columns in source order, each beside the index of every row's split.

        `apart`: all rows of a piece once for each column, which is alone in its batches; no ids, splits and weights.
        """
        pieces = range(len(self.reader.piece_rows)) if pieces is None else pieces
        if apart:
            yield from self._columns(names, batch_rows, pieces)
            return
        key, known = self.roles.key, self.span.arrow_schema.names
        with_split = with_split and self.split is not None
        extra = [*(key if row_id or with_split else ()), *([self.roles.weight] if self.roles.weight else ())]
        roots = [root_of(self.span.arrow_schema, name) for name in names]
        needed = list(dict.fromkeys([*roots, *(name for name in extra if name in known)]))
        starts = np.cumsum([0, *self.reader.piece_rows])
        for piece in pieces:
            row = int(starts[piece])
            for batch in self.reader.batches(piece, needed, batch_rows):
                ids = None
                if row_id or with_split:
                    place = (self.span.name, self.fragment_index, row, batch.num_rows)
                    ids = row_ids(batch, key) if key else position_ids(*place)
                splits = split_of(ids, self.split) if with_split and ids is not None and self.split else None
                rows = Rows(select_with_fields(batch, names), ids if row_id else None, self._weights(batch))
                if self.keep is not None:
                    mask = self.keep[row : row + batch.num_rows]
                    rows, splits = filter_rows(rows, mask), None if splits is None else splits[mask]
                row += batch.num_rows
                yield rows, splits

    def _columns(self, names: Sequence[str], batch_rows: int, pieces: Iterable[int]) -> Scanned:
        starts = np.cumsum([0, *self.reader.piece_rows])
        for piece in pieces:
            name, row = None, 0
            for batch in self._alone(piece, names, batch_rows):
                if batch.schema.names[0] != name:
                    name, row = batch.schema.names[0], int(starts[piece])
                rows = Rows(batch, None, None)
                if self.keep is not None:
                    rows = filter_rows(rows, self.keep[row : row + batch.num_rows])
                row += batch.num_rows
                yield rows, None

    def _alone(self, piece: int, names: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        own = self.span.arrow_schema
        if all(name in own.names for name in names):
            yield from self.reader.columns(piece, names, batch_rows)
            return
        for name in names:
            for batch in self.reader.columns(piece, [root_of(own, name)], batch_rows):
                yield select_with_fields(batch, [name])

    def _weights(self, batch: pa.RecordBatch) -> npt.NDArray[np.float64] | None:
        name = self.roles.weight
        if name is None:
            return None
        if name not in batch.schema.names:  # this span lacks it: validation says so, rows count once
            return np.ones(batch.num_rows)
        return as_weights(batch.column(name), name, self.reader.name)


def as_shared(found: Scanned, scan: Scan, shared: pa.Schema) -> Scanned:
    """The same rows, columns that their span has in another type than the data set in the data set's."""
    own = with_fields(scan.span.arrow_schema, shared.names)
    other = {item.name: item.type for item in shared if own.field(item.name).type != item.type}
    return _read_as(found, other, scan.reader.name) if other else found


def _read_as(found: Scanned, types: Mapping[str, pa.DataType], where: str) -> Scanned:
    """The same rows with some columns in other types; InvalidInput naming the file for a value that does not fit."""
    for rows, splits in found:
        arrays = []
        for name, array in zip(rows.batch.schema.names, rows.batch.columns, strict=True):
            if name in types:
                try:
                    array = array.cast(types[name])
                except pa.ArrowInvalid as error:
                    raise InvalidInput(
                        f"column {name!r} cannot be read as {types[name]}, as other spans have it: {error}", where=where
                    ) from error
            arrays.append(array)
        yield replace(rows, batch=pa.RecordBatch.from_arrays(arrays, rows.batch.schema.names)), splits


def summarize_span(
    span: Span, split_names: Sequence[str | None], key: tuple[str, ...], scan: Callable[[int], Scan]
) -> Summary:
    """Digest and rows of each split of a span, in one reading; `scan` opens a fragment by its index."""
    names = span.arrow_schema.names
    digests = [RowsDigest(span.arrow_schema, key) for _ in split_names]
    counts: list[list[int]] = [[] for _ in split_names]
    for index in range(len(span.fragments)):
        before = [found.num_rows for found in digests]
        for rows, splits in scan(index).run(names, row_id=not key, with_split=True):
            for number, found in enumerate(digests):
                chosen = rows if splits is None else filter_rows(rows, splits == number)
                found.add(chosen.batch, chosen.row_id)
        for number, found in enumerate(digests):
            counts[number].append(found.num_rows - before[number])
    named = [part_name(span.name, split) for split in split_names]
    return Summary(
        {name: found.finish() for name, found in zip(named, digests, strict=True)},
        {name: tuple(rows) for name, rows in zip(named, counts, strict=True)},
    )

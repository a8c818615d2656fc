"""The Dataset noun: which rows exist, what their columns mean, and how they are read.

Longer than most files, because what a data set can be asked is best read in one place.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace import progress
from headrace.canonical import digest
from headrace.dataset.csv_file import CsvFormat, read_csv
from headrace.dataset.hashing import ALGORITHM
from headrace.dataset.manifest import (
    Manifest,
    Summary,
    part_name,
    read_manifest,
    references,
    write_manifest,
)
from headrace.dataset.nested import with_fields
from headrace.dataset.reading import ArrowReader, FragmentReader, ParquetReader, find_files
from headrace.dataset.records import ALL, Fragment, Part, Roles, Span, check_split
from headrace.dataset.rows import as_labels, filter_rows
from headrace.dataset.scanning import BATCH_ROWS, Scan, Splits, as_shared, open_fragment, summarize_span
from headrace.dataset.selection import Selection
from headrace.dataset.tables import as_table
from headrace.dataset.types import differences, one_schema, shared_schema
from headrace.errors import InvalidInput, Misuse, UnknownName
from headrace.fold import ROW_ID, Rows
from headrace.lookup import Shown
from headrace.schema import Schema

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Shown):
    """Rows that do not change: spans of fragments, roles of columns, a split, perhaps a schema.

    Make one with `from_arrow`, `from_parquet`, `from_csv` or `ingest`; every method answers with a new data set.
    Reading needs memory for a batch, never for a file.

    Parameters
    ----------
    spans : tuple of Span
        In time's order, names unique, at least one.
    roles : Roles
        Their columns must exist in some span.
    split : dict of str to int, or None
        Weights of the splits; rows are drawn by the hash of their key. None = one unnamed part.
    schema : Schema or None
        The schema these rows passed.
    selection : Selection
        Which rows count; all of them but for `select_rows`.

    >>> table = pa.table({"id": [1, 2, 3], "y": [0.5, None, 2.0]})
    >>> data = Dataset.from_arrow(table, label="y", key=["id"], split={"train": 8, "eval": 2})
    >>> data.num_rows, data.split_names
    (3, ('eval', 'train'))
    """

    kind: ClassVar[str] = "dataset"
    elsewhere: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(
            ("from_pandas", "from_polars", "from_dataframe", "from_dict", "from_records"),
            "hr.Dataset.from_arrow(table, label=...): it takes DataFrames of pandas, Polars and others",
        ),
        **dict.fromkeys(("read_csv", "read_parquet"), "hr.ingest(path, label=...)"),
    }

    spans: tuple[Span, ...]
    roles: Roles = field(default_factory=Roles)
    split: dict[str, int] | None = None
    schema: Schema | None = None
    _base: Path | None = None
    _tables: tuple[pa.Table, ...] = ()
    selection: Selection = field(default_factory=Selection)
    _summary: Summary | None = None
    _readers: dict[tuple[str, int], FragmentReader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.spans:
            raise InvalidInput("a data set of no spans", expected="at least one span")
        names = [span.name for span in self.spans]
        if len(set(names)) != len(names):
            raise InvalidInput(f"a span appears twice: {names}")
        object.__setattr__(self, "split", check_split(self.split))
        known = list(dict.fromkeys(name for span in self.spans for name in span.arrow_schema.names))
        self.roles.check(known, "roles of the data set")

    @classmethod
    def from_arrow(
        cls,
        table: Any,
        *,
        label: str | None = None,
        key: Sequence[str] = (),
        weight: str | None = None,
        time: str | None = None,
        sensitive: Sequence[str] = (),
        positive: str | int | float | bool | None = None,
        split: Mapping[str, int] | None = None,
        span: str = "all",
    ) -> Self:
        """A data set over a table in memory: pyarrow, Polars, pandas, DuckDB (`headrace.dataset.tables`).

        Parameters are the roles (`Roles`), the weights of the splits and the name of the one span. Raises UnknownName
        for a role without a column, InvalidInput for duplicate or reserved column names.
        """
        table = as_table(table, "from_arrow")
        roles = Roles(label, _names(key), weight, time, _names(sensitive), positive)
        schema = ArrowReader(table, "the table").arrow_schema
        one = Span(span, 1, schema, (Fragment("arrow", "0", table.num_rows),))
        return cls((one,), roles, check_split(split), _tables=(table,))

    @classmethod
    def from_parquet(
        cls,
        pattern: str | Path | Iterable[str | Path],
        *,
        label: str | None = None,
        key: Sequence[str] = (),
        weight: str | None = None,
        time: str | None = None,
        sensitive: Sequence[str] = (),
        positive: str | int | float | bool | None = None,
        split: Mapping[str, int] | None = None,
        span: str = "all",
    ) -> Self:
        """A data set over Parquet files where they are: a path, a glob pattern or a list of paths, one span.

        Only footers are read. Raises InvalidInput for no file, for one that is not Parquet, and InvalidSchema where
        the files differ in shape.
        """
        paths = find_files(pattern)
        readers = {(span, index): ParquetReader(path.absolute()) for index, path in enumerate(paths)}
        schema = one_schema([(reader.name, reader.arrow_schema) for reader in readers.values()])
        fragments = tuple(Fragment("parquet", r.name, sum(r.piece_rows)) for r in readers.values())
        roles = Roles(label, _names(key), weight, time, _names(sensitive), positive)
        return cls((Span(span, 1, schema, fragments),), roles, check_split(split), _readers=dict(readers))

    @classmethod
    def from_csv(
        cls,
        pattern: str | Path | Iterable[str | Path],
        *,
        label: str | None = None,
        key: Sequence[str] = (),
        weight: str | None = None,
        time: str | None = None,
        sensitive: Sequence[str] = (),
        positive: str | int | float | bool | None = None,
        split: Mapping[str, int] | None = None,
        span: str = "all",
        delimiter: str | None = None,
        nulls: Sequence[str] = (),
        names: Sequence[str] = (),
        text: Sequence[str] = (),
    ) -> Self:
        """A data set of the rows of CSV files: a path, a glob pattern or a list of paths, one span.

        Types are the narrowest that take every row of every file: integer, number, boolean, timestamp (UTC), else text
        as it is written, such as the code 007 (`headrace.dataset.csv_values` has the rules). Nothing between two
        delimiters is null.

        Parameters
        ----------
        delimiter, nulls, names, text
            How the files are written, see `headrace.dataset.csv_file.CsvFormat`.

        The others are the roles (`Roles`) and the weights of the splits.

        Raises InvalidInput that names file and line: no header, a row of too many or too few values, bytes that are no
        UTF-8, a quote never closed; InvalidSchema for files of other columns. Cost: each file is read twice; its rows
        lie in a temporary folder until the data set goes. Memory: a row group.
        """
        form = CsvFormat(delimiter, _names(nulls), _names(names), _names(text))
        schema, readers = read_csv([path.absolute() for path in find_files(pattern, "CSV")], form)
        fragments = tuple(Fragment("parquet", reader.name, sum(reader.piece_rows)) for reader in readers)
        roles = Roles(label, _names(key), weight, time, _names(sensitive), positive)
        opened: dict[tuple[str, int], FragmentReader] = {(span, index): one for index, one in enumerate(readers)}
        return cls((Span(span, 1, schema, fragments),), roles, check_split(split), _readers=opened)

    def __repr__(self) -> str:
        names = [span.name for span in self.spans]
        shown = names[0] if len(names) == 1 else f"{len(names)} spans {names[0]} to {names[-1]}"
        return f"<Dataset {shown}, {self.num_rows:,} rows>"

    # What it holds

    @property
    def num_rows(self) -> int:
        """Rows in all spans and splits, those left out by `select_rows` not counted."""
        return sum(self._fragment_rows(s, i) for s in self.spans for i in range(len(s.fragments)))

    @property
    def arrow_schema(self) -> pa.Schema:
        """The one shape of all spans: a column of int32 here and int64 there is read as int64.

        InvalidSchema, naming spans, columns and types, where a column is missing or its types do not go together.
        """
        return self._shared(self.column_names)

    @property
    def shared_schema(self) -> pa.Schema:
        """The same of those columns alone that every span has in types that go together."""
        return self._shared(None)

    def _shared(self, columns: Sequence[str] | None) -> pa.Schema:
        return shared_schema([(span.name, with_fields(span.arrow_schema, columns)) for span in self.spans], columns)

    @property
    def column_names(self) -> list[str]:
        """Every column of any span, in the first span's order, then in that of later ones."""
        return list(dict.fromkeys(name for span in self.spans for name in span.arrow_schema.names))

    @property
    def uneven_columns(self) -> dict[str, dict[str, pa.DataType | None]]:
        """Columns on which spans differ: column -> span -> type there, None where missing; {} for an even data set."""
        return differences([(span.name, span.arrow_schema) for span in self.spans])

    @property
    def split_names(self) -> tuple[str | None, ...]:
        """The splits by name; (None,) for a data set without any, whose one unnamed part is used whole."""
        return (None,) if self.split is None else tuple(self.split)

    def find_span(self, name: str) -> Span:
        """The span of that name, or UnknownName."""
        for span in self.spans:
            if span.name == name:
                return span
        raise UnknownName("span", name, [span.name for span in self.spans])

    # The units of work

    def parts(self, split: str | None = ALL, spans: Sequence[str] | None = None) -> list[Part]:
        """The parts of one split, or of all rows (ALL, or None), fragment by fragment.

        A data set without splits has no split "train": ask `split_names`, or `parts(None)`.
        """
        if split == ALL:
            split = None
        if split is not None and (self.split is None or split not in self.split):
            raise UnknownName("split", split, self.split or {}, where=repr(self))
        chosen = self.spans if spans is None else tuple(self.find_span(name) for name in spans)
        return [Part(span.name, split, index) for span in chosen for index in range(len(span.fragments))]

    def num_pieces(self, part: Part) -> int:
        """How many pieces the part's fragment can be read in, each by a thread of its own."""
        return len(self.reader(part).piece_rows)

    def expected_rows(self, part: Part) -> int | None:
        """The rows reading this part must give by the manifest; None where only reading can tell."""
        if part.split is None:
            return self._fragment_rows(self.find_span(part.span), part.fragment_index)
        rows = {} if self._summary is None else self._summary.rows
        found = rows.get(part_name(part.span, part.split))
        return None if found is None else found[part.fragment_index]

    def _fragment_rows(self, span: Span, index: int) -> int:
        selected = self.selection.count(span.name, index)
        if selected is not None:
            return selected
        fragment = span.fragments[index]
        if fragment.num_rows is not None:
            return fragment.num_rows
        return sum(self.reader(Part(span.name, None, index)).piece_rows)

    def reader(self, part: Part) -> FragmentReader:
        """The part's opened fragment; InvalidInput when the file is not what the manifest says."""
        place = (part.span, part.fragment_index)
        if place not in self._readers:
            self._readers[place] = open_fragment(
                self.find_span(part.span), part.fragment_index, self._base, self._tables
            )
        return self._readers[place]

    # Reading

    def read(
        self,
        part: Part,
        columns: Sequence[str] | None,
        *,
        row_id: bool = False,
        batch_rows: int = BATCH_ROWS,
    ) -> Iterator[Rows]:
        """The rows of a part in source order, as batches of at most `batch_rows` rows.

        Parameters
        ----------
        part : Part
            One of `parts()`.
        columns : sequence of str or None
            In this order, `a.b` being a field of a struct; None = all. "@row_id" is the same as `row_id=True`.
        row_id : bool
            Whether to make row ids.

        Text may come as string, large_string or a dictionary of these, from batch to batch. `Rows.weight` is filled
        when the data set has that role. Raises InvalidSchema when a column is not in all spans, or not in types that
        go together (then it is read in the widest), UnknownName,
        InvalidInput naming the file. Cost: the decoding of these columns, the key's and the weight.
        """
        wanted = None if part.split is None else self._split_index(part.split)
        for rows, splits in self.scan(
            part, columns, row_id=row_id, batch_rows=batch_rows, with_split=wanted is not None
        ):
            kept = rows if splits is None else filter_rows(rows, splits == wanted)
            if kept.num_rows:
                yield kept

    def _split_index(self, name: str) -> int:
        if self.split is None or name not in self.split:
            raise UnknownName("split", name, self.split or {}, where=repr(self))
        return list(self.split).index(name)

    def scan(
        self,
        part: Part,
        columns: Sequence[str] | None,
        *,
        row_id: bool = False,
        batch_rows: int = BATCH_ROWS,
        pieces: Iterable[int] | None = None,
        with_split: bool = False,
        apart: bool = False,
    ) -> Iterator[tuple[Rows, Splits | None]]:
        """All rows of a part's fragment, whatever their split, beside the index of each row's split.

        For engines, which read a fragment once for all of its splits and hand its `pieces` to several threads. `apart`:
        once for each column, which is alone in its batches, without ids, splits and weights.
        """
        names = [c for c in (self.arrow_schema.names if columns is None else columns) if c != ROW_ID]
        shared = self._shared(names)
        row_id = row_id or (columns is not None and ROW_ID in columns)
        scan = self._scan(part.span, part.fragment_index)
        found = scan.run(names, row_id=row_id, with_split=with_split, batch_rows=batch_rows, pieces=pieces, apart=apart)
        return as_shared(found, scan, shared)

    def _scan(self, span: str, index: int) -> Scan:
        reader = self.reader(Part(span, None, index))
        keep = self.selection.mask(span, index)
        return Scan(reader, self.find_span(span), index, self.roles, self.split, keep)

    def to_arrow(self, split: str | None = ALL, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a split (or all) as one table in logical types: as much memory as there are rows."""
        schema = self._shared(self.column_names if columns is None else columns)
        names = schema.names
        pieces = [
            rows.batch.cast(schema) if names else rows.batch
            for part in self.parts(split)
            for rows in self.read(part, names)
        ]
        return pa.Table.from_batches(pieces, schema=schema)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """All rows, batch after batch, for whoever takes Arrow: `polars.DataFrame(data)`, `duckdb.sql("from data")`.

        Memory: a batch. Raises as `to_arrow`.
        """
        schema = self.arrow_schema
        batches = (rows.batch.cast(schema) for part in self.parts() for rows in self.read(part, schema.names))
        return pa.RecordBatchReader.from_batches(schema, batches).__arrow_c_stream__(requested_schema)

    def label_values(self, batch: pa.RecordBatch) -> npt.NDArray[np.float64]:
        """The label of each row as float64[num_rows]; NaN where null. With a positive value 1 and 0, by `Roles`.

        Raises Misuse without a label, InvalidInput for one that is neither a number nor a boolean and has no positive
        value, or one of another kind.
        """
        if self.roles.label is None:
            raise Misuse("this data set has no label", fix="name one: label='...'")
        return as_labels(batch.column(self.roles.label), self.roles.label, self.roles.positive)

    # Other data sets

    def with_schema(self, schema: Schema | None) -> Self:
        """The same rows with this schema attached."""
        return replace(self, schema=schema)

    def select_spans(self, names: Sequence[str]) -> Self:
        """Only these spans, in this data set's order; UnknownName for one that it lacks."""
        wanted = {self.find_span(name).name for name in names}
        spans = tuple(span for span in self.spans if span.name in wanted)
        return replace(self, spans=spans, _summary=None if self._summary is None else self._summary.only(spans))

    def reuse_summary(self, other: Dataset | None) -> Self:
        """The same data set, with the digests of parts that `other` has read already: equal files, key and split.

        What makes a rolling window cheap: only new spans are read.
        """
        same = other is not None and (other.roles.key, other.split) == (self.roles.key, self.split)
        if other is None or not same or other._summary is None or other.selection.bits or self.selection.bits:
            return self
        known = set(other.spans)
        kept = [s for s in self.spans if s in known and all(f.locator.startswith("../") for f in s.fragments)]
        return replace(self, _summary=other._summary.only(kept))

    def select_rows(self, masks: Sequence[npt.NDArray[np.bool_]]) -> Self:
        """The same data set without some rows: quarantine.

        Parameters
        ----------
        masks : sequence of bool[num_rows of the part]
            One for each part of `parts()`, in that order and in the order in which `read` gives its rows;
            True = the row stays. Call again with `~mask` for the rows that were left out.

        Row ids, and so splits, stay what they were. Memory: one bit a row.
        """
        parts = self.parts()
        if len(masks) != len(parts):
            raise InvalidInput(f"{len(masks)} masks", expected=f"{len(parts)}, one for each part")
        chosen = self.selection
        for part, mask in zip(parts, masks, strict=True):
            total = sum(self.reader(part).piece_rows)
            chosen = chosen.narrow(part.span, part.fragment_index, mask, total)
        return replace(self, selection=chosen, _summary=None)

    # Identity and storage

    @property
    def summary(self) -> Summary:
        """Digest and row count of every (span, split) part; computed once, by reading all, and kept."""
        found = self._summary or Summary({}, {})
        missing = [s for s in self.spans if part_name(s.name, self.split_names[0]) not in found.digests]
        if missing:
            with ThreadPoolExecutor(min(len(missing), len(os.sched_getaffinity(0)))) as threads:
                work = threads.map(self._summarize, missing)
                for one in progress.track(work, "digest", total=len(missing), unit="spans"):
                    found = Summary({**found.digests, **one.digests}, {**found.rows, **one.rows})
            object.__setattr__(self, "_summary", found)
        return found

    def _summarize(self, span: Span) -> Summary:
        return summarize_span(span, self.split_names, self.roles.key, lambda index: self._scan(span.name, index))

    @property
    def known_summary(self) -> Summary:
        """What of `summary` is known without reading anything."""
        return self._summary or Summary({}, {})

    @property
    def part_digests(self) -> dict[str, str]:
        """The logical digest of each part's rows, by "span/split", only "span" where there are no splits."""
        return self.summary.digests

    @property
    def digest(self) -> str:
        """sha256 of what the data set says: roles, split, schema, and the digest of every part."""
        plain = {
            "format": 1,
            "row_id": ALGORITHM,
            "roles": self.roles.to_plain(),
            "split": None if self.split is None else [[name, weight] for name, weight in self.split.items()],
            "schema": None if self.schema is None else self.schema.digest,
            "spans": [[span.name, span.version] for span in self.spans],
            "parts": self.part_digests,
        }
        return digest(plain)

    @property
    def references(self) -> tuple[str, ...]:
        """Digests of the artifacts beside this one that hold its rows; they must live as long as it does."""
        return references(self.spans, self._base)

    def save(self, folder: Path) -> None:
        """Write manifest (and whatever rows are in no artifact yet) into an existing empty folder."""
        whole = Manifest(self.spans, self.roles, self.split, self.schema, self.summary, self.selection)
        write_manifest(folder, whole, self._base, self._tables, self._readers)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; InvalidInput when it is damaged, StoreTooNew when a newer headrace wrote it."""
        found = read_manifest(folder)
        return cls(
            found.spans,
            found.roles,
            found.split,
            found.schema,
            _base=folder.absolute(),
            selection=found.selection,
            _summary=found.summary,
        )


def _names(value: Sequence[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())

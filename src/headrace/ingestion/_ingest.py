"""The ingest verb: from a path pattern to a data set."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from headrace import progress
from headrace.calls import user_line
from headrace.dataset import Dataset, Fragment, Roles, Span
from headrace.dataset.csv_file import is_csv
from headrace.dataset.reading import FragmentReader, ParquetReader, RenamedReader
from headrace.dataset.records import check_split
from headrace.dataset.temporary import TemporaryReader
from headrace.errors import Misuse
from headrace.ingestion._contract import Source
from headrace.ingestion.one_span import OneSpan
from headrace.ingestion.sources.csv import Csv
from headrace.ingestion.sources.jsonl import Jsonl, is_jsonl
from headrace.ingestion.sources.parquet import Parquet
from headrace.ingestion.sources.tfrecord import TFRecord, is_tfrecord
from headrace.ingestion.streams._contract import Stream
from headrace.places import is_url

__all__ = ["choose_source", "ingest"]


def ingest(
    pattern: str | Path | Source | Stream,
    *,
    spans: str | Sequence[str] = "all",
    label: str | None = None,
    key: Sequence[str] = (),
    weight: str | None = None,
    time: str | None = None,
    sensitive: Sequence[str] = (),
    positive: str | int | float | bool | None = None,
    split: Mapping[str, int] | None = None,
    rename: Mapping[str, str] | None = None,
    base: Path | None = None,
) -> Dataset:
    """A data set of what a path pattern, or a source, finds.

    Parquet files are read where they are and nothing is copied; everything else, and what lies in a bucket, is read
    through and written down in a temporary folder (`headrace.dataset.temporary`). In a pipeline both become artifacts.

    Parameters
    ----------
    pattern : str, Path or Source
        A path or URL such as "data/flights/{span}.parquet" or "gs://bucket/flights/{span}.parquet"; without `{span}`
        all files are the one span "all". One that ends in .csv or .tsv, or these and .gz, means CSV files, .jsonl or
        .ndjson JSON lines, .tfrecord TFRecord. A source says more: `hr.Csv("data/{span}.csv", nulls=["NA"])`.
    spans : str or sequence of str
        "all", "last 6", "2013-01..2013-06", one name, or a list of names.
    label, key, weight, time, sensitive, positive
        The roles of columns, see `headrace.dataset.Roles`; UnknownName for a column in no span.
    split : mapping of str to int, optional
        Weights, such as {"train": 8, "eval": 2}; rows are drawn by the hash of their key.
    rename : mapping of str to str, optional
        {"town": "city"}: a file's column "town" is the data set's "city"; files that have no such column stay as they
        are. For a column that was renamed on the way, while older spans still have its old name.
    base : Path, optional
        Where a relative pattern starts; the working folder by default.

    Spans may differ in shape: `validate` names the differences, whoever else reads the data set gets one clear error.
    Raises InvalidInput when there is no file, one cannot be read, or two columns share a name; InvalidSchema when the
    files of one span differ. Cost: each footer of Parquet; each CSV and each JSON lines file is
    read twice.
    """
    source = choose_source(pattern, spans, base)
    if isinstance(source, Stream):
        raise Misuse(
            f"{source.label} is a stream, whose closed spans are read in a pipeline",
            where=user_line(),
            fix="put the call under @hr.pipeline; `headrace ingest FILE --follow` closes spans",
        )
    roles = Roles(label, tuple(_names(key)), weight, time, tuple(_names(sensitive)), positive)
    by_span: dict[str, list[Fragment]] = {}
    for planned in source.plan().fragments:
        by_span.setdefault(planned.span, []).append(planned.fragment)
    records, opened = [], {}
    for name, fragments in progress.track(by_span.items(), "ingest", total=len(by_span), unit="spans"):
        if all(fragment.source == "parquet" and not is_url(fragment.locator) for fragment in fragments):
            readers = _in_place(fragments, rename or {})
            schema = source.join([(reader.name, reader.arrow_schema) for reader in readers])
            sizes = [sum(reader.piece_rows) for reader in readers]
            fragments = [replace(fragment, num_rows=size) for fragment, size in zip(fragments, sizes, strict=True)]
        else:
            read = OneSpan(source, fragments, rename or {})
            schema = read.schema
            readers = [TemporaryReader(read.batches(index), schema) for index in range(len(fragments))]
            fragments = [Fragment("parquet", reader.name, sum(reader.piece_rows)) for reader in readers]
        records.append(Span(name, 1, schema, tuple(fragments)))
        opened.update({(name, index): reader for index, reader in enumerate(readers)})
    return Dataset(tuple(records), roles, check_split(split), _readers=opened)


def choose_source(pattern: Any, spans: str | Sequence[str] = "all", base: Path | None = None) -> Source | Stream:
    """The source a pattern means by its ending; a source, or a stream, itself with the spans asked for, from `base`.

    Raises Misuse for anything else.

    >>> choose_source("data/{span}.csv", "last 2")
    Csv(pattern='data/{span}.csv', spans='last 2', base=None, delimiter=None, nulls=(), names=(), text=())
    """
    if isinstance(pattern, (str, os.PathLike)):
        path = os.fspath(pattern)
        kind: type[Csv | Jsonl | TFRecord | Parquet] = (
            Csv if is_csv(path) else Jsonl if is_jsonl(path) else TFRecord if is_tfrecord(path) else Parquet
        )
        return kind(path, spans, None if base is None else str(base))
    is_record = dataclasses.is_dataclass(pattern) and not isinstance(pattern, type)
    if not (is_record and (isinstance(pattern, Stream) or hasattr(pattern, "plan"))):
        raise Misuse(
            f"ingest got {type(pattern).__name__}",
            expected="a path pattern, or a source such as hr.Csv(...)",
            fix="Dataset.from_arrow takes tables",
        )
    changes: dict[str, Any] = {}
    if base is not None and hasattr(pattern, "base"):
        changes["base"] = str(base / (getattr(pattern, "base", None) or ""))
    if spans != "all":
        changes["spans"] = spans
    return cast("Source | Stream", dataclasses.replace(cast("Any", pattern), **changes))


def _in_place(fragments: Sequence[Fragment], rename: Mapping[str, str]) -> list[FragmentReader]:
    readers: list[FragmentReader] = [ParquetReader(Path(fragment.locator)) for fragment in fragments]
    return [RenamedReader(reader, rename) for reader in readers] if rename else readers


def _names(value: Sequence[str]) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value

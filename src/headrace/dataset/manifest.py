"""The manifest: a data set as files. Canonical JSON, format 1, beside whatever rows are in no other artifact.

    manifest.json       roles, split, schema, spans with types and fragments, digest and rows of every part
    <span>.<n>.parquet  rows of fragments that were in memory or outside the store
    selection.parquet   which rows count, where some do not

A locator is relative to the manifest's folder: `../<digest>/0.parquet` is a file of the artifact beside it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from headrace import disk
from headrace.canonical import from_canonical, to_canonical
from headrace.dataset.hashing import ALGORITHM
from headrace.dataset.parquet_file import write_parquet
from headrace.dataset.reading import ArrowReader, FragmentReader, RenamedReader
from headrace.dataset.records import Fragment, Roles, Span
from headrace.dataset.selection import Selection
from headrace.dataset.types import parse_type, type_text
from headrace.errors import HeadraceError, InvalidInput, StoreTooNew
from headrace.schema import Schema

__all__ = ["Manifest", "Summary", "part_name", "read_manifest", "references", "resolve", "write_manifest"]

FORMAT = 1

_NAME = "manifest.json"
_SELECTION = "selection.parquet"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BESIDE = re.compile(r"\.\./([0-9a-f]{64})/")


@dataclass(frozen=True)
class Summary:
    """What reading every row once tells: the digest of each part, and its rows fragment by fragment."""

    digests: dict[str, str]
    rows: dict[str, tuple[int, ...]]

    def only(self, spans: Sequence[Span]) -> Summary:
        """The same for some of the spans."""
        names = {span.name for span in spans}
        return Summary(
            {part: found for part, found in self.digests.items() if part.partition("/")[0] in names},
            {part: found for part, found in self.rows.items() if part.partition("/")[0] in names},
        )


@dataclass(frozen=True)
class Manifest:
    """All that a data set is, rows aside."""

    spans: tuple[Span, ...]
    roles: Roles
    split: dict[str, int] | None
    schema: Schema | None
    summary: Summary
    selection: Selection = field(default_factory=Selection)


def part_name(span: str, split: str | None) -> str:
    """How a part is named in `part_digests`: "span/split", only "span" where there are no splits."""
    return span if split is None else f"{span}/{split}"


def resolve(locator: str, base: Path | None) -> Path:
    """The file a locator means, seen from the manifest's folder."""
    path = Path(locator)
    if path.is_absolute():
        return path
    if base is None:
        raise InvalidInput(f"locator {locator!r} is relative, but there is no manifest's folder")
    if locator.startswith("../"):  # by text: the manifest's own folder need not exist yet
        return base.parent / locator[3:]
    return base / path


def _from_folder(locator: str, base: Path | None) -> str | None:
    """The locator as it reads from the folder beside `base`; None when the file is in no artifact."""
    if _BESIDE.match(locator):
        return locator
    if base is not None and not Path(locator).is_absolute() and _DIGEST.fullmatch(base.name):
        return f"../{base.name}/{locator}"
    return None


def references(spans: Sequence[Span], base: Path | None) -> tuple[str, ...]:
    """The digests of the artifacts that hold the spans' rows, sorted."""
    found = set()
    for span in spans:
        for fragment in span.fragments:
            beside = _BESIDE.match(_from_folder(fragment.locator, base) or "")
            if beside:
                found.add(beside[1])
    return tuple(sorted(found))


def to_plain(manifest: Manifest) -> dict[str, Any]:
    """The manifest as plain data, selection aside."""
    schema = manifest.schema
    return {
        "format": FORMAT,
        "kind": "dataset",
        "row_id": ALGORITHM,
        "roles": manifest.roles.to_plain(),
        "split": None if manifest.split is None else [[name, weight] for name, weight in manifest.split.items()],
        "schema": None if schema is None else {"plain": schema.to_plain(), "is_reviewed": schema.is_reviewed},
        "has_selection": bool(manifest.selection.bits),
        "spans": [
            {
                "name": span.name,
                "version": span.version,
                "columns": [[item.name, type_text(item.type)] for item in span.arrow_schema],
                "fragments": [[item.source, item.locator, item.num_rows] for item in span.fragments],
            }
            for span in manifest.spans
        ],
        "parts": {
            name: {"digest": found, "rows": list(manifest.summary.rows[name])}
            for name, found in manifest.summary.digests.items()
        },
    }


def from_plain(plain: dict[str, Any], selection: Selection) -> Manifest:
    """Read what `to_plain` gave, format 1."""
    spans = tuple(
        Span(
            item["name"],
            item["version"],
            pa.schema([pa.field(name, parse_type(text)) for name, text in item["columns"]]),
            tuple(Fragment(*fragment) for fragment in item["fragments"]),
        )
        for item in plain["spans"]
    )
    schema = plain["schema"]
    return Manifest(
        spans,
        Roles(**plain["roles"]),
        None if plain["split"] is None else dict(plain["split"]),
        None if schema is None else Schema.from_plain(schema["plain"], is_reviewed=schema["is_reviewed"]),
        Summary(
            {name: item["digest"] for name, item in plain["parts"].items()},
            {name: tuple(item["rows"]) for name, item in plain["parts"].items()},
        ),
        selection,
    )


def write_manifest(
    folder: Path,
    manifest: Manifest,
    base: Path | None,
    tables: Sequence[pa.Table],
    readers: Mapping[tuple[str, int], FragmentReader],
) -> None:
    """Write a data set into an existing empty folder: first rows that are in no artifact, the manifest last.

    `readers` holds opened fragments by span and index; one whose columns were renamed is written as it is read.
    Cost: nothing for rows in artifacts, one copy of all others.
    """
    spans = []
    for span in manifest.spans:
        fragments = []
        for index, fragment in enumerate(span.fragments):
            locator = _from_folder(fragment.locator, base) if fragment.source == "parquet" else None
            if locator is None:
                locator = f"{span.name}.{index}.parquet"
                reader = readers.get((span.name, index))
                if fragment.source == "arrow":
                    reader = ArrowReader(tables[int(fragment.locator)], f"span {span.name}")
                if isinstance(reader, (ArrowReader, RenamedReader)):
                    batches = (
                        batch
                        for piece in range(len(reader.piece_rows))
                        for batch in reader.batches(piece, span.arrow_schema.names, 65536)
                    )
                    write_parquet(folder / locator, batches, span.arrow_schema)
                else:
                    source = resolve(fragment.locator, base)
                    with source.open("rb") as rows, disk.open_to_write(folder / locator) as file:
                        shutil.copyfileobj(rows, file, 1 << 20)
            fragments.append(Fragment("parquet", locator, fragment.num_rows))
        spans.append(replace(span, fragments=tuple(fragments)))
    if manifest.selection.bits:
        with disk.open_to_write(folder / _SELECTION) as file:
            pq.write_table(manifest.selection.to_table(), file, compression="zstd")
    disk.write_file(folder / _NAME, to_canonical(to_plain(replace(manifest, spans=tuple(spans)))))


def read_manifest(folder: Path) -> Manifest:
    """Read what `write_manifest` wrote; StoreTooNew for a later format, InvalidInput for anything damaged."""
    path = folder / _NAME
    try:
        plain = from_canonical(path.read_bytes())
        if plain["format"] > FORMAT:
            raise StoreTooNew(f"manifest of format {plain['format']}", where=str(path), fix="upgrade headrace")
        if plain["row_id"] != ALGORITHM:
            raise InvalidInput(f"row ids of algorithm {plain['row_id']!r}", where=str(path), expected=ALGORITHM)
        selection = Selection()
        if plain["has_selection"]:
            selection = Selection.from_table(pq.read_table(folder / _SELECTION, use_threads=False))
        return from_plain(plain, selection)
    except FileNotFoundError as error:
        raise InvalidInput("there is no data set here", where=str(folder), expected=_NAME) from error
    except HeadraceError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, OSError, pa.ArrowException) as error:
        raise InvalidInput(f"the manifest is damaged: {type(error).__name__}: {error}", where=str(path)) from error

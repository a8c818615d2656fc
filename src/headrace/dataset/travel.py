"""A data set as plain data, and back: how it reaches another process or machine that sees the same files."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pyarrow as pa

from headrace.dataset import manifest
from headrace.dataset._dataset import Dataset
from headrace.dataset.records import Fragment, Part
from headrace.dataset.selection import Selection
from headrace.errors import InvalidInput

__all__ = ["build_dataset", "describe_dataset"]


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """The manifest with absolute paths, and which rows count.

    Raises InvalidInput for rows in memory: those do not travel, save the data set first. Cost: no row is read.
    """
    spans = []
    for span in dataset.spans:
        fragments = []
        for index, fragment in enumerate(span.fragments):
            if fragment.source != "parquet":
                raise InvalidInput(
                    f"the rows of span {span.name!r} are in memory",
                    expected="files, which other processes can read",
                    fix="save the data set and load it",
                )
            path = dataset.reader(Part(span.name, None, index)).name
            fragments.append(Fragment("parquet", path, fragment.num_rows))
        spans.append(replace(span, fragments=tuple(fragments)))
    found = manifest.Manifest(
        tuple(spans), dataset.roles, dataset.split, dataset.schema, dataset.known_summary, dataset.selection
    )
    plain = manifest.to_plain(found)
    if dataset.selection.bits:
        sink = pa.BufferOutputStream()
        table = dataset.selection.to_table()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        plain["selection"] = base64.b64encode(sink.getvalue().to_pybytes()).decode()
    return plain


def build_dataset(plain: dict[str, Any]) -> Dataset:
    """The data set `describe_dataset` told of."""
    selection = Selection()
    if "selection" in plain:
        with pa.ipc.open_stream(base64.b64decode(plain["selection"])) as reader:
            selection = Selection.from_table(reader.read_all())
    found = manifest.from_plain(plain, selection)
    return Dataset(found.spans, found.roles, found.split, found.schema, selection=selection, _summary=found.summary)

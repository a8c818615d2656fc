"""Since: the first of a span's fragments that bears a fault is named, where earlier ones do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from headrace.ingestion import ingest
from headrace.schema import Schema
from headrace.validation import Item, validate
from tests.validation.changes import earlier, month, table
from tests.validation.spans import of_spans


def broken(folder: Path, first: int, **where: str) -> Item:
    """The one error of a month in eight files, whose distances are in kilometres from one of them on."""
    for place in range(8):
        columns: dict[str, Any] = month(200 + place, 400)
        if place >= first:
            rows = np.ones(400, np.bool_)
            for name, value in where.items():
                rows &= columns[name] == value
            columns["distance"] = np.where(rows, np.round(columns["distance"] * 1.609344), columns["distance"])
        columns["distance"] = columns["distance"].astype(np.int64)
        del columns["temp"]
        (folder / "may").mkdir(exist_ok=True)
        pq.write_table(table(columns), folder / "may" / f"part-{place}.parquet")
    data = ingest(str(folder / "{span}" / "*.parquet"), label="late")
    previous = of_spans({name: one.drop_columns(["temp"]) for name, one in earlier().items()}, label="late")
    found = validate(data, Schema.from_arrow(data.arrow_schema), previous=previous)
    errors = [item for item in found.errors if item.feature == "distance"]
    assert len(errors) == 1, found.summary
    return errors[0]


@pytest.mark.parametrize("first", [2, 5])
def test_the_first_fragment_is_named(tmp_path: Path, first: int) -> None:
    """Kilometres from one file on: that file is in the item and in its words, in all rows and in a slice."""
    for where in ({}, {"carrier": "AA"}):
        item = broken(tmp_path, first, **where)
        assert item.since == f"fragment {first} (part-{first}.parquet)"
        assert f"; since fragment {first}" in item.message


def test_from_the_first_on_there_is_no_since(tmp_path: Path) -> None:
    """A fault of the whole span has no beginning within it."""
    assert broken(tmp_path, 0).since is None

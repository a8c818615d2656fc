"""The Parquet source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace import lookup
from headrace.dataset import Fragment
from headrace.errors import InvalidInput
from headrace.ingestion import Source
from headrace.ingestion.sources.parquet import Parquet
from headrace.testing.source_cases import SourceCases


class TestOneFileASpan(SourceCases):
    """The laws of sources, on `{span}.parquet`."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Files of the span's name."""
        for name, table in spans.items():
            pq.write_table(table, folder / f"{name}.parquet", row_group_size=40)

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return Parquet("{span}.parquet", base=str(folder))

    def damage(self, folder: Path, span: str) -> None:
        """Cut short, or another format."""
        path = folder / f"{span}.parquet"
        path.write_bytes(path.read_bytes()[:-100])


class TestOneFolderASpan(SourceCases):
    """The laws of sources, on `{span}/*.parquet` with two files a span."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Files of the span's name."""
        for name, table in spans.items():
            (folder / name).mkdir()
            half = table.num_rows // 2
            pq.write_table(table.slice(0, half), folder / name / "a.parquet")
            pq.write_table(table.slice(half), folder / name / "b.parquet")

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return Parquet(f"{folder}/{{span}}/*.parquet")

    def damage(self, folder: Path, span: str) -> None:
        """Cut short, or another format."""
        (folder / span / "b.parquet").write_bytes(b"carrier,delay\nAA,1\n")


def test_found_by_name() -> None:
    """The name users type is the name of the file."""
    assert lookup.find("source", "parquet") is Parquet


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A fragment whose file is gone says which."""
    with pytest.raises(InvalidInput, match=r"not there .*gone\.parquet"):
        Parquet("").read(Fragment("parquet", str(tmp_path / "gone.parquet"), None))

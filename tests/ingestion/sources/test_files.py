"""The source of files of bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

import headrace as hr
from headrace import lookup
from headrace.dataset import parquet_file
from headrace.errors import InvalidInput
from headrace.ingestion import Source, choose_source, resolve_spans, write_span
from headrace.ingestion.sources.files import Files
from headrace.testing.source_cases import SourceCases
from tests.servers import gcs as servers
from tests.servers.gcs import gcs as gcs
from tests.servers.gcs import gcs_server as gcs_server


class TestOneFolderASpan(SourceCases):
    """The laws of sources: each row of what is delivered is a file, and a span without rows one empty file."""

    text = True

    def contents(self, table: pa.Table) -> dict[str, str]:
        """The files of a table by name."""
        rows = [json.dumps(row) for row in table.to_pylist()]
        return {f"{place:05}.json": row for place, row in enumerate(rows)} or {"empty.json": ""}

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Folders of the span's name."""
        for name, table in spans.items():
            (folder / name).mkdir()
            for file, content in self.contents(table).items():
                (folder / name / file).write_text(content)

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return Files("{span}/*.json", base=str(folder), text=self.text)

    def kept(self, table: pa.Table) -> pa.Table:
        """Paths, sizes and contents."""
        found = self.contents(table)
        return pa.table(
            {
                "path": list(found),
                "size_bytes": [len(content) for content in found.values()],
                "content": pa.array([content.encode() for content in found.values()], pa.binary()).cast(
                    pa.string() if self.text else pa.binary()
                ),
            }
        )

    def damage(self, folder: Path, span: str) -> None:
        """Bytes that are no text."""
        (folder / span / "00003.json").write_bytes(b"\xff")


class TestBytes(TestOneFolderASpan):
    """The same as bytes; damaged is a link that leads nowhere a moment after it was found."""

    text = False

    def test_damage_is_named(self, tmp_path: Path) -> None:
        """A file that goes while the files are read is named."""
        (tmp_path / "2013-01").mkdir()
        for name in "ab":
            (tmp_path / "2013-01" / f"{name}.json").write_text(name)
        source = self.source(tmp_path)
        read = source.read(source.plan().fragments[0].fragment)
        (tmp_path / "2013-01" / "b.json").unlink()
        with pytest.raises(InvalidInput, match=r"not there \(.*2013-01/b.json\)"):
            list(read.batches)


def test_bytes_go_all_the_way(tmp_path: Path) -> None:
    """A binary column is digested, analysed, validated, saved and loaded; a model has no use for it, and says so."""
    for span in ("1", "2"):
        for place in range(30):
            file = tmp_path / "images" / span / f"{place % 3}" / f"{place}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"\x89PNG\xff" * place)
    data = hr.ingest(hr.Files(str(tmp_path / "images/{span}/**/*.png")), key=["path"])
    assert data.num_rows == 60
    assert data.to_arrow()["path"].to_pylist()[:3] == ["0/0.png", "0/12.png", "0/15.png"]
    statistics = hr.analyze(data)
    assert statistics["content"].type == "binary" and statistics["size_bytes"].max == 29 * 5
    assert hr.validate(data, hr.infer_schema(statistics)).ok
    (tmp_path / "saved").mkdir()
    data.save(tmp_path / "saved")
    assert hr.Dataset.load(tmp_path / "saved").digest == data.digest


def test_a_bucket_and_a_folder_are_one(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Paths are relative, so that the same files anywhere are the same span; what changes one file changes it."""
    folder = tmp_path / "with [brackets] and *"
    for name in ("2013/a.txt", "2013/b/c.txt", "2014/a.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    gcs.upload(folder, "texts/")
    digests = []
    for number, source in enumerate(
        (Files("{span}/**/*.txt", base=str(folder), text=True), Files(f"{gcs.url}/texts/{{span}}/**/*.txt", text=True))
    ):
        spans = resolve_spans(source)
        for span in spans:
            place = tmp_path / f"{number}-{span.name}"
            place.mkdir()
            digests.append(write_span(span, place, source=choose_source(source)).digest)
        gcs.put("texts/2013/b/c.txt", b"other")
        (folder / "2013/b/c.txt").write_text("other")
        again = resolve_spans(source)
        assert [one.digest == two.digest for one, two in zip(spans, again, strict=True)] == [False, True]
        gcs.put("texts/2013/b/c.txt", b"2013/b/c.txt")
        (folder / "2013/b/c.txt").write_text("2013/b/c.txt")
    assert digests[:2] == digests[2:]


def test_row_groups_are_bounded_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that hold much are written in row groups of few: what a row group takes is in memory at once."""
    monkeypatch.setattr(parquet_file, "_MOST_GROUP_BYTES", 1000)
    batches = [pa.record_batch({"x": [b"x" * 400]}) for _ in range(7)]
    rows = parquet_file.write_parquet(tmp_path / "x.parquet", batches, batches[0].schema)
    metadata = pa.parquet.read_metadata(tmp_path / "x.parquet")
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    assert (rows, groups) == (7, [3, 3, 1])


def test_it_is_found_by_its_name() -> None:
    """`hr.Files`."""
    assert lookup.find("source", "files") is Files is hr.Files

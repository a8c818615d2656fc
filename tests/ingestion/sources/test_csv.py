"""The CSV source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

import headrace as hr
from headrace import disk, lookup
from headrace.dataset import Fragment
from headrace.errors import InvalidInput, InvalidSchema, Misuse
from headrace.ingestion import Source, combine_spans, resolve_spans, write_span
from headrace.ingestion.sources.csv import Csv
from headrace.testing.source_cases import SourceCases


class CsvCases(SourceCases):
    """What a CSV keeps: values, but of types only what can be seen of them."""

    def kept(self, table: pa.Table) -> pa.Table:
        """Small integers are int64; a column without any value has no type."""
        columns = [
            pa.chunked_array([pa.nulls(len(column))])
            if len(column) == column.null_count
            else column.cast(pa.int64() if pa.types.is_integer(column.type) else column.type)
            for column in table.columns
        ]
        return pa.table(columns, names=table.column_names)


class TestOneFileASpan(CsvCases):
    """The laws of sources, on `{span}.csv`."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Files of the span's name."""
        for name, table in spans.items():
            pa.csv.write_csv(table, folder / f"{name}.csv")

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return Csv("{span}.csv", base=str(folder))

    def damage(self, folder: Path, span: str) -> None:
        """A row too long."""
        with (folder / f"{span}.csv").open("a") as file:
            file.write("1,2,3,4,5\n")


class TestOneFolderASpan(CsvCases):
    """The laws of sources, on `{span}/*.csv.gz` with two files a span."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Packed files, in a folder of the span's name."""
        for name, table in spans.items():
            (folder / name).mkdir()
            half = table.num_rows // 2
            for part, rows in (("a", table.slice(0, half)), ("b", table.slice(half))):
                with pa.output_stream(folder / name / f"{part}.csv.gz", compression="gzip") as file:
                    pa.csv.write_csv(rows, file, pa.csv.WriteOptions(delimiter=";"))

    def source(self, folder: Path) -> Source:
        """Found by that name."""
        return Csv(f"{folder}/{{span}}/*.csv.gz")

    def damage(self, folder: Path, span: str) -> None:
        """Cut short."""
        path = folder / span / "b.csv.gz"
        path.write_bytes(path.read_bytes()[:-20])


def test_found_by_name() -> None:
    """The name users type is the name of the file, and of the class."""
    assert lookup.find("source", "csv") is Csv
    assert hr.Csv is Csv


def _months(folder: Path, **texts: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_spans_keep_their_own_types(tmp_path: Path) -> None:
    """A new span never changes what an old one is; types that go together are read in the wider, others are named."""
    folder = _months(tmp_path, m1="id,x,y\n1,1,1\n", m2="id,x,y\n2,2.5,old\n", m3="id,x,y\n3,,3\n")
    data = hr.ingest(folder / "{span}.csv", key="id")
    assert [str(span.arrow_schema.field("x").type) for span in data.spans] == ["int64", "double", "null"]
    assert data.to_arrow(columns=["id", "x"]).to_pydict() == {"id": [1, 2, 3], "x": [1.0, 2.5, None]}
    with pytest.raises(InvalidSchema, match="'y' is int64 in m1, m3 but string in m2"):
        data.to_arrow()
    schema = hr.infer_schema(hr.analyze(data.select_spans(["m1"])))
    found = hr.validate(data, schema)
    assert not found.ok and {item.feature for item in found.items if item.severity == "error"} >= {"y"}


def test_files_of_a_span_are_read_together(tmp_path: Path) -> None:
    """Within a span every file decides: text is what was written, and the order of columns is the first file's."""
    for name, text in (("a", "x,y\n1,1.50\n"), ("b", "y,x\nold,2\n")):
        (_months(tmp_path / "2013-01") / f"{name}.csv").write_text(text)
    data = hr.ingest(str(tmp_path / "{span}/*.csv"))
    assert data.to_arrow().to_pydict() == {"x": [1, 2], "y": ["1.50", "old"]}
    (tmp_path / "2013-01" / "c.csv").write_text("x,z\n1,2\n")
    with pytest.raises(InvalidSchema, match=r"column 'y' is in .*a\.csv and not in .*c\.csv"):
        hr.ingest(str(tmp_path / "{span}/*.csv"))


def test_as_artifacts_they_are_the_same_rows(tmp_path: Path) -> None:
    """Written down by a pipeline's step, renamed or not, a span says what the eager data set says."""
    folder = _months(tmp_path / "data", m1="id;town\n1;NA\n2;A\n")
    source = Csv("{span}.csv", base=str(folder), nulls=["NA"])
    eager = hr.ingest(source, rename={"town": "city"}, key="id")
    (span,) = resolve_spans("{span}.csv", base=folder)
    written = write_span(span, disk.make_folder(tmp_path / "span"), source=source, rename={"town": "city"})
    assert written.arrow_schema == eager.arrow_schema
    assert combine_spans([("m1", written)], roles=eager.roles).digest == eager.digest
    assert eager.to_arrow().to_pydict() == {"id": [1, 2], "city": [None, "A"]}


def test_renamed_files_join_under_the_new_name(tmp_path: Path) -> None:
    """A column that one file has under its old name is one column, of one type."""
    folder = _months(tmp_path, a="town,n\n1,1\n", b="n,city\n2,x\n")
    data = hr.ingest(folder / "*.csv", rename={"town": "city"})
    assert data.to_arrow().to_pydict() == {"city": ["1", "x"], "n": [1, 2]}


def test_a_source_takes_what_ingest_is_told(tmp_path: Path) -> None:
    """Spans, base and roles go beside a source as beside a pattern."""
    folder = _months(tmp_path, m1="a\n1\n", m2="a\n2\n", m3="a\n3\n")
    data = hr.ingest(hr.Csv("{span}.csv", base=str(folder)), spans="last 2", label="a")
    assert [span.name for span in data.spans] == ["m2", "m3"] and data.roles.label == "a"


def test_wrong_uses_are_answered_with_the_fix(tmp_path: Path) -> None:
    """A table where a pattern belongs, a delimiter nobody uses, a file that is not there."""
    with pytest.raises(Misuse, match=r"ingest got Table.*hr\.Csv\(.*Dataset\.from_arrow"):
        hr.ingest(pa.table({"a": [1]}))
    with pytest.raises(InvalidInput, match=r"delimiter ':'; expected one of , ; tab \|"):
        hr.Csv("x.csv", delimiter=":")
    with pytest.raises(InvalidInput, match=r"no file found .*x\.csv"):
        hr.ingest(tmp_path / "x.csv")
    with pytest.raises(InvalidInput, match=r"no file found .*x\.csv.*at least one CSV file"):
        hr.Dataset.from_csv(tmp_path / "x.csv")
    with pytest.raises(InvalidInput, match=r"not there .*gone\.csv"):
        Csv("").read(Fragment("csv", str(tmp_path / "gone.csv"), None))

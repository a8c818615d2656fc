"""The JSON lines source."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pytest

import headrace as hr
from headrace import lookup
from headrace.dataset import Fragment
from headrace.errors import InvalidInput, InvalidSchema, Misuse
from headrace.ingestion import Source
from headrace.ingestion.sources.jsonl import Jsonl
from headrace.testing.source_cases import SourceCases

TYPES = {"id": "int64", "carrier": "string", "hour": "int8", "delay": "double"}


def lines_of(table: pa.Table) -> bytes:
    """The table, an object a line."""
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


class TestTypesGiven(SourceCases):
    """The laws of sources, on `{span}.jsonl` with the types of all columns: everything is kept."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Files of the span's name."""
        for name, table in spans.items():
            (folder / f"{name}.jsonl").write_bytes(lines_of(table))

    def source(self, folder: Path) -> Source:
        """Found by that name; a file without lines has the columns that are given."""
        return Jsonl("{span}.jsonl", base=str(folder), types=TYPES)

    def damage(self, folder: Path, span: str) -> None:
        """Cut short."""
        path = folder / f"{span}.jsonl"
        path.write_bytes(path.read_bytes()[:-10])


class TestOneFolderASpan(SourceCases):
    """The laws of sources, on `{span}/*.jsonl.gz` with two files a span."""

    def deliver(self, folder: Path, spans: Mapping[str, pa.Table]) -> None:
        """Packed files, in a folder of the span's name."""
        for name, table in spans.items():
            (folder / name).mkdir()
            half = table.num_rows // 2
            for part, rows in (("a", table.slice(0, half)), ("b", table.slice(half))):
                (folder / name / f"{part}.jsonl.gz").write_bytes(gzip.compress(lines_of(rows)))

    def source(self, folder: Path) -> Source:
        """Found by that name; the type of `id` is found, for the others there may be no row."""
        return Jsonl(f"{folder}/{{span}}/*.jsonl.gz", types=TYPES)

    def damage(self, folder: Path, span: str) -> None:
        """Cut short."""
        path = folder / span / "b.jsonl.gz"
        path.write_bytes(path.read_bytes()[:-20])


def read(folder: Path, types: Mapping[str, str] | None = None, **files: str) -> pa.Table:
    """Files of these lines, taken in as one span."""
    for name, lines in files.items():
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return hr.ingest(hr.Jsonl("*.jsonl", base=str(folder), types=types or {})).to_arrow()


def test_found_by_name_and_by_ending(tmp_path: Path) -> None:
    """The name users type is the file's and the class's; a path that ends in .jsonl or .ndjson is enough."""
    assert lookup.find("source", "jsonl") is Jsonl
    assert hr.Jsonl is Jsonl
    for name in ("2024-01.jsonl", "2024-02.ndjson"):
        (tmp_path / name).write_text('{"id": 1}\n')
        assert hr.ingest(tmp_path / name, key=["id"]).to_arrow().to_pydict() == {"id": [1]}


def test_a_path_where_a_data_set_is_asked_for() -> None:
    """The hint says what reads it."""
    with pytest.raises(Misuse, match=r"hr\.ingest\('d/2024-01\.jsonl', label=\.\.\.\) reads one"):
        hr.analyze("d/2024-01.jsonl")


def test_values_are_kept(tmp_path: Path) -> None:
    """Types as found; a key that a line lacks is null; blank lines are nothing; the last line needs no end."""
    table = read(
        tmp_path,
        a='{"n": 1, "x": 0.5, "t": "007", "b": true, "at": "2024-01-31"}\n\n'
        '{"n": -9223372036854775808, "x": 2, "t": "", "at": "2024-01-31T10:00:00+02:00", "late": null}',
    )
    assert [str(item) for item in table.schema.types] == ["int64", "double", "string", "bool", "timestamp[ms]", "null"]
    assert table["n"].to_pylist() == [1, -(2**63)]
    assert table["b"].to_pylist() == [True, None]
    assert table["t"].to_pylist() == ["007", ""]
    assert [str(moment) for moment in table["at"].to_pylist()] == ["2024-01-31 00:00:00", "2024-01-31 08:00:00"]


def test_types_of_files_meet(tmp_path: Path) -> None:
    """Nulls give way to any type, integers to numbers, moments to text as it was written."""
    table = read(
        tmp_path,
        a='{"x": 1, "y": null, "at": "2024-01-31"}\n',
        b='{"x": 1.5, "y": "AA", "at": "soon"}\n{"x": 2, "at": "2024-02-01"}\n',
    )
    assert table.to_pydict() == {
        "x": [1.0, 1.5, 2.0],
        "y": [None, "AA", None],
        "at": ["2024-01-31", "soon", "2024-02-01"],
    }


def test_types_that_do_not_meet(tmp_path: Path) -> None:
    """A text is no number: the files are named."""
    with pytest.raises(
        InvalidSchema, match=r"files of one span differ.*'x' is int64 in .*a\.jsonl but string in .*b\.jsonl"
    ):
        read(tmp_path, a='{"x": 1}\n', b='{"x": "AA"}\n')


def test_types_are_given(tmp_path: Path) -> None:
    """They hold in every file, also in one without lines or without the key, and for what would be text otherwise."""
    types = {"id": "int64", "at": "timestamp[us, tz=UTC]", "note": "string"}
    table = read(tmp_path, types, a="", b='{"at": "2024-01-31T10:00:00.5+02:00", "id": 1}\n')
    assert table.schema.names == ["id", "at", "note"]
    assert str(table["at"][0].as_py()) == "2024-01-31 08:00:00.500000+00:00"
    assert table["note"].to_pylist() == [None]


def test_the_object_at_fault_is_counted_over_the_file(tmp_path: Path) -> None:
    """A column of two types, hundreds of thousands of lines down, is named with its object; no block is seen."""
    with pytest.raises(InvalidInput, match=r"column 'x' changed from number to string in object 200001 .*a\.jsonl"):
        read(tmp_path, a='{"x": 1}\n' * 200_000 + '{"x": "AA"}\n')


def test_a_long_line_is_a_line(tmp_path: Path) -> None:
    """Three million characters in one value."""
    table = read(tmp_path, a=json.dumps({"x": "x" * 3_000_000}) + "\n")
    assert len(table["x"][0].as_py()) == 3_000_000


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('[{"x": 1}]\n', "array"),
        ('{"x": 1, "x": 2}\n', "'x' was specified twice"),
        ("x,y\n1,2\n", "Invalid value"),
        ("", "no columns"),
        ("\n\n", "no columns"),
        ("{}\n", "no columns"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, lines: str, said: str) -> None:
    """One error, which names the file."""
    with pytest.raises(InvalidInput, match=rf"{said}.*a\.jsonl"):
        read(tmp_path, a=lines)


@pytest.mark.parametrize("types", [{"id": "whole"}, {"id": 8}, {1: "int64"}, ["id"], 5])
def test_bad_types(types: object) -> None:
    """A column is a text, and a type has a name that Arrow knows."""
    with pytest.raises(InvalidInput, match="types = "):
        Jsonl("{span}.jsonl", types=types)  # type: ignore[arg-type]  # on purpose


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A fragment whose file is gone says which."""
    with pytest.raises(InvalidInput, match=r"gone\.jsonl"):
        Jsonl("").read(Fragment("jsonl", str(tmp_path / "gone.jsonl"), None))

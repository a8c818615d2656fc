"""Manifests: data sets as files, today's and those of every format before."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.canonical import digest
from headrace.dataset import Dataset
from headrace.dataset.manifest import resolve
from headrace.dataset.travel import build_dataset, describe_dataset
from headrace.dataset.types import parse_type, type_text
from headrace.errors import InvalidInput, StoreTooNew
from headrace.schema import Schema
from headrace.testing.engine_cases import make_rows

GOLDEN = Path(__file__).parent / "golden"


def _saved(data: Dataset, folder: Path) -> Path:
    folder.mkdir(parents=True)
    data.save(folder)
    return folder


def _full() -> Dataset:
    table = make_rows(200)
    data = Dataset.from_arrow(
        table,
        label="delay",
        key=["id"],
        weight="hour",
        sensitive=["carrier"],
        split={"train": 8, "eval": 2},
        span="2013-01",
    )
    return data.with_schema(Schema.from_arrow(data.arrow_schema)).select_rows([np.arange(200) % 3 > 0])


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    """Roles, split, schema, selection, digests and rows come back; a second save gives the same manifest."""
    data = _full()
    again = Dataset.load(_saved(data, tmp_path / "a"))
    assert (again.roles, again.split, again.schema) == (data.roles, data.split, data.schema)
    assert again.digest == data.digest
    assert again.part_digests == data.part_digests
    assert str(again.to_arrow("eval").to_pylist()) == str(data.to_arrow("eval").to_pylist())
    _saved(Dataset.load(tmp_path / "a"), tmp_path / "b")
    for name in ("manifest.json", "selection.parquet"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_saved_data_set_stands_alone(tmp_path: Path) -> None:
    """Files outside the store are copied into it: what happens to them later does not matter."""
    pq.write_table(make_rows(50), tmp_path / "rows.parquet")
    data = Dataset.from_parquet(tmp_path / "rows.parquet", key=["id"])
    folder = _saved(data, tmp_path / "saved")
    (tmp_path / "rows.parquet").unlink()
    moved = folder.rename(tmp_path / "moved")
    assert Dataset.load(moved).to_arrow().num_rows == 50
    assert str(tmp_path) not in (moved / "manifest.json").read_text()
    assert Dataset.load(moved).references == ()


def test_rows_in_the_store_are_not_copied(tmp_path: Path) -> None:
    """A data set made from one in the store refers to that one's files, and says so."""
    name = digest("one")
    first = Dataset.load(_saved(Dataset.from_arrow(make_rows(50), key=["id"]), tmp_path / name))
    schema = Schema.from_arrow(first.arrow_schema)
    second_folder = _saved(first.with_schema(schema), tmp_path / digest("two"))
    assert sorted(path.name for path in second_folder.iterdir()) == ["manifest.json"]
    second = Dataset.load(second_folder)
    assert second.references == (name,)
    assert str(second.to_arrow().to_pylist()) == str(first.to_arrow().to_pylist())
    third = Dataset.load(_saved(second.select_rows([np.arange(50) < 5]), tmp_path / digest("three")))
    assert third.references == (name,)
    assert third.num_rows == 5
    assert third.schema == schema


def test_a_later_format_is_refused(tmp_path: Path) -> None:
    """A manifest of a newer headrace says so instead of being misread; other row ids are refused too."""
    folder = _saved(Dataset.from_arrow(make_rows(5)), tmp_path / "a")
    plain = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**plain, "format": 2}))
    with pytest.raises(StoreTooNew, match="upgrade"):
        Dataset.load(folder)
    (folder / "manifest.json").write_text(json.dumps({**plain, "row_id": "another"}))
    with pytest.raises(InvalidInput, match="another"):
        Dataset.load(folder)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"format":1}', b"\xff", b'{"format":1,"row_id":"splitmix64-words-1"}']
)
def test_a_damaged_manifest_is_one_clear_error(content: bytes, tmp_path: Path) -> None:
    """Whatever is wrong with a manifest, it is an InvalidInput that names the file."""
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"manifest\.json"):
        Dataset.load(tmp_path)


def test_no_manifest(tmp_path: Path) -> None:
    """A folder without a manifest is named."""
    with pytest.raises(InvalidInput, match="no data set here"):
        Dataset.load(tmp_path)


def test_files_that_changed_are_noticed(tmp_path: Path) -> None:
    """Another number of rows, or another shape, under a manifest is an InvalidInput that names the file."""
    folder = _saved(Dataset.from_arrow(make_rows(50)), tmp_path / "a")
    file = folder / "all.0.parquet"
    pq.write_table(make_rows(49), file)
    with pytest.raises(InvalidInput, match=r"49 rows where the manifest says 50 .*all\.0\.parquet"):
        Dataset.load(folder).to_arrow()
    pq.write_table(make_rows(50).rename_columns(["id", "carrier", "hour", "late"]), file)
    with pytest.raises(
        InvalidInput, match=r"'delay' is double in the manifest but missing in the file.*all\.0\.parquet.*ingest again"
    ):
        Dataset.load(folder).to_arrow()
    file.unlink()
    with pytest.raises(InvalidInput, match=r"not there .*all\.0\.parquet"):
        Dataset.load(folder).to_arrow()


def test_golden_manifest() -> None:
    """Format 1, as it was first written, is read: rows, split, selection, schema and digest."""
    data = Dataset.load(GOLDEN / "manifest_1")
    assert data.digest == (GOLDEN / "manifest_1.digest").read_text().strip()
    assert data.num_rows == 4
    assert data.to_arrow("train").num_rows + data.to_arrow("eval").num_rows == 4
    assert data.roles.label == "late"
    assert data.schema is not None
    # Not only remembered: the digest is what reading the rows gives today.
    fresh = Dataset.from_arrow(data.to_arrow(), label="late", key=["id"], split=data.split, span="2013-01")
    assert fresh.part_digests == data.part_digests


def test_travel_to_another_process(tmp_path: Path) -> None:
    """A data set in files travels as plain data, selection and all; one in memory says what to do."""
    with pytest.raises(InvalidInput, match="save the data set"):
        describe_dataset(_full())
    data = Dataset.load(_saved(_full(), tmp_path / "a"))
    again = build_dataset(json.loads(json.dumps(describe_dataset(data))))
    assert again.digest == data.digest
    assert str(again.to_arrow("train").to_pylist()) == str(data.to_arrow("train").to_pylist())


@pytest.mark.parametrize(
    "kind",
    [
        pa.int8(), pa.uint64(), pa.float16(), pa.bool_(), pa.string(), pa.binary(), pa.binary(3), pa.null(),
        pa.date32(), pa.timestamp("us", tz="Europe/Berlin"), pa.timestamp("ns"), pa.duration("ms"), pa.time64("ns"),
        pa.decimal128(10, 2), pa.decimal256(50, -3), pa.list_(pa.int8()), pa.struct([("a", pa.string())]),
        pa.map_(pa.string(), pa.int64()), pa.list_(pa.float32(), 3),
    ],
    ids=str,
)  # fmt: skip
def test_types_as_text(kind: pa.DataType) -> None:
    """Every logical type can be written down and read back."""
    assert parse_type(type_text(kind)) == kind


@pytest.mark.parametrize("text", ["", "int7", "timestamp[fs]", "list<item: int8>", "list<> arrow:AAAA", "x arrow:!!"])
def test_other_texts_are_no_types(text: str) -> None:
    """A type that is not one is an InvalidInput, never code."""
    with pytest.raises(InvalidInput, match="not a type"):
        parse_type(text)


def test_locators() -> None:
    """A locator is absolute, in the manifest's folder, or in the folder beside it."""
    base = Path("/store/artifacts/aa")
    assert resolve("x.parquet", base) == base / "x.parquet"
    assert resolve("../bb/0.parquet", base) == Path("/store/artifacts/bb/0.parquet")
    assert resolve("/data/x.parquet", base) == Path("/data/x.parquet")
    with pytest.raises(InvalidInput, match="relative"):
        resolve("x.parquet", None)

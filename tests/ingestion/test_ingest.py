"""Ingesting: from files to data sets, eagerly and as artifacts."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace import disk
from headrace.dataset import Dataset, Roles
from headrace.errors import InvalidInput, InvalidSchema, StoreTooNew, UnknownName
from headrace.ingestion import WrittenSpan, combine_spans, ingest, resolve_spans, write_span
from headrace.testing.engine_cases import make_rows

ROLES: dict[str, Any] = {"label": "delay", "key": ["id"]}
SPLIT = {"train": 8, "eval": 2}


@pytest.fixture
def months(tmp_path: Path) -> Path:
    """Three months, the second one without rows, the third in the old order of columns."""
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(make_rows(300, seed=1), folder / "2013-01.parquet", row_group_size=70)
    pq.write_table(make_rows(0), folder / "2013-02.parquet")
    pq.write_table(make_rows(90, seed=3).select(["hour", "id", "delay", "carrier"]), folder / "2013-03.parquet")
    return folder


def test_spans_roles_and_split(months: Path) -> None:
    """One call gives spans in order, roles, splits; rows are those of the files."""
    data = ingest(months / "{span}.parquet", **ROLES, split=SPLIT)
    assert [span.name for span in data.spans] == ["2013-01", "2013-02", "2013-03"]
    assert data.num_rows == 390
    assert data.to_arrow().column_names == ["id", "carrier", "hour", "delay"]
    assert data.to_arrow("train").num_rows + data.to_arrow("eval").num_rows == 390
    assert sorted(data.part_digests)[:2] == ["2013-01/eval", "2013-01/train"]
    last = ingest("{span}.parquet", spans="last 1", base=months, **ROLES)
    assert [span.name for span in last.spans] == ["2013-03"]


def test_one_file(months: Path) -> None:
    """A plain path is a data set of one span."""
    assert ingest(str(months / "2013-01.parquet"), key="id").num_rows == 300


def test_roles_are_checked(months: Path) -> None:
    """A role without a column in any span is named."""
    with pytest.raises(UnknownName, match="did you mean 'delay'"):
        ingest(months / "{span}.parquet", label="dealy")


def _uneven(folder: Path) -> Path:
    folder.mkdir()
    table = make_rows(20)
    pq.write_table(table, folder / "2013-01.parquet")
    pq.write_table(table.drop_columns(["carrier"]), folder / "2013-02.parquet")
    pq.write_table(table.set_column(3, "delay", table["delay"].cast(pa.string())), folder / "2013-03.parquet")
    pq.write_table(table.drop_columns(["id"]), folder / "2013-04.parquet")
    return folder


def test_uneven_spans_are_taken_in_and_named_to_whoever_reads(tmp_path: Path) -> None:
    """Ingesting never fails on shape; reading what differs is one clear error; what agrees can be read."""
    data = ingest(_uneven(tmp_path / "data") / "{span}.parquet", **ROLES, split=SPLIT)
    assert set(data.uneven_columns) == {"carrier", "delay", "id"}
    assert data.uneven_columns["carrier"]["2013-02"] is None
    expected = r"'carrier' is string in 2013-01, 2013-03, 2013-04 but missing in 2013-02"
    for read in (lambda: data.arrow_schema, data.to_arrow, lambda: next(data.read(data.parts()[0], None))):
        with pytest.raises(InvalidSchema, match=expected):
            read()
    with pytest.raises(InvalidSchema, match="'delay' is double in 2013-01"):
        data.to_arrow(columns=["hour", "delay"])
    assert data.to_arrow(columns=["hour"]).num_rows == 80
    assert len(data.part_digests) == 8
    even = data.select_spans(["2013-01"])
    assert even.to_arrow().num_rows == 20
    assert even.part_digests == {name: data.part_digests[name] for name in ("2013-01/eval", "2013-01/train")}
    with pytest.raises(UnknownName, match="2013-05"):
        data.select_spans(["2013-05"])


def test_uneven_data_sets_are_saved_and_loaded(tmp_path: Path) -> None:
    """A data set of many shapes survives the store."""
    data = ingest(_uneven(tmp_path / "data") / "{span}.parquet", **ROLES, split=SPLIT)
    (tmp_path / "saved").mkdir()
    data.save(tmp_path / "saved")
    again = Dataset.load(tmp_path / "saved")
    assert again.uneven_columns == data.uneven_columns
    assert again.digest == data.digest


@pytest.mark.parametrize("content", [b"", b"id\n1\n", b"PAR1junk"])
def test_a_file_that_is_not_parquet(content: bytes, months: Path) -> None:
    """One bad file among good ones is named."""
    (months / "2013-02.parquet").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"2013-02\.parquet"):
        ingest(months / "{span}.parquet")


def test_a_reserved_or_doubled_column_names_its_file(months: Path) -> None:
    """Columns that cannot be are refused with the file they are in."""
    pq.write_table(pa.table({"@row_id": [1]}), months / "2013-02.parquet")
    with pytest.raises(InvalidInput, match=r"'@row_id'.*2013-02\.parquet"):
        ingest(months / "{span}.parquet")
    pq.write_table(pa.table([[1], [2]], names=["id", "id"]), months / "2013-02.parquet")
    with pytest.raises(InvalidInput, match=r"'id'.*2013-02\.parquet"):
        ingest(months / "{span}.parquet")


# As artifacts


def _store(months: Path, artifacts: Path, spans: str = "all", reuse: Dataset | None = None) -> Dataset:
    """What a pipeline's ingest step does: spans written in an attempt, then renamed to their digests."""
    written = []
    for span in resolve_spans("{span}.parquet", spans, base=months):
        folder = artifacts.parent / "attempts" / span.name
        folder.mkdir(parents=True)
        written.append((span.name, write_span(span, folder)))
    data = combine_spans(written, roles=Roles(**ROLES), split=SPLIT, reuse=reuse)
    target = artifacts.parent / "attempts" / "data"
    target.mkdir(parents=True)
    data.save(target)
    artifacts.mkdir(exist_ok=True)
    for _, one in written:
        if not (artifacts / one.digest).exists():
            one.folder.rename(artifacts / one.digest)
    target.rename(artifacts / data.digest)
    for left in (artifacts.parent / "attempts").glob("*/*"):
        left.unlink()
    for left in (artifacts.parent / "attempts").iterdir():
        left.rmdir()
    return Dataset.load(artifacts / data.digest)


def test_written_spans_are_the_same_data_set(months: Path, tmp_path: Path) -> None:
    """Ingested in place or through artifacts: the same digest; the artifacts stand alone."""
    eager = ingest(months / "{span}.parquet", **ROLES, split=SPLIT)
    stored = _store(months, tmp_path / "home" / "artifacts")
    assert stored.digest == eager.digest
    expected = str(eager.to_arrow("train").to_pylist())
    for file in months.iterdir():
        file.unlink()
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    moved = Dataset.load(tmp_path / "elsewhere" / "artifacts" / stored.digest)
    assert str(moved.to_arrow("train").to_pylist()) == expected
    assert len(moved.references) == 3


def test_a_span_does_not_depend_on_its_writer(months: Path, tmp_path: Path) -> None:
    """The same rows from another writer are the same artifact; its bytes may differ, its digest does not."""
    (span,) = resolve_spans("{span}.parquet", "2013-01", base=months)
    (tmp_path / "a").mkdir()
    first = write_span(span, tmp_path / "a")
    pq.write_table(make_rows(300, seed=1), months / "2013-01.parquet", use_dictionary=False, compression="none")
    (other,) = resolve_spans("{span}.parquet", "2013-01", base=months)
    (tmp_path / "b").mkdir()
    second = write_span(other, tmp_path / "b")
    assert other.digest != span.digest
    assert second.digest == first.digest
    assert WrittenSpan.load(tmp_path / "b").digest == first.digest
    (tmp_path / "c").mkdir()
    second.save(tmp_path / "c")
    names = ("0.parquet", "span.json")
    assert all((tmp_path / "b" / n).read_bytes() == (tmp_path / "c" / n).read_bytes() for n in names)


def test_a_rolling_window_reads_only_what_is_new(months: Path, tmp_path: Path) -> None:
    """Digests of spans that an earlier data set has are taken over; a broken old file is not even opened."""
    artifacts = tmp_path / "home" / "artifacts"
    first = _store(months, artifacts, "2013-01..2013-02")
    second = _store(months, artifacts, "2013-02..2013-03", reuse=first)
    assert second.part_digests["2013-02/train"] == first.part_digests["2013-02/train"]
    fresh = ingest(months / "{span}.parquet", spans="2013-02..2013-03", **ROLES, split=SPLIT)
    assert second.digest == fresh.digest
    spans = [
        (span.name, WrittenSpan.load(artifacts / span.fragments[0].locator.split("/")[1])) for span in second.spans
    ]
    known = combine_spans(spans, roles=Roles(**ROLES), split=SPLIT, reuse=second).known_summary
    assert sorted(known.digests) == sorted(second.part_digests)
    for roles, split in ((Roles(key=("hour",)), SPLIT), (Roles(**ROLES), {"train": 1, "eval": 1})):
        assert combine_spans(spans, roles=roles, split=split, reuse=second).known_summary.digests == {}


def test_files_that_change_after_planning_are_refused(months: Path, tmp_path: Path) -> None:
    """What was planned is what is read, or nothing."""
    (span,) = resolve_spans("{span}.parquet", "2013-01", base=months)
    (tmp_path / "a").mkdir()
    pq.write_table(make_rows(5), months / "2013-01.parquet")
    with pytest.raises(InvalidInput, match="changed after the run was planned"):
        write_span(span, tmp_path / "a")
    (months / "2013-01.parquet").unlink()
    with pytest.raises(InvalidInput, match="cannot be read"):
        write_span(span, tmp_path / "a")


def test_damaged_spans_are_named(tmp_path: Path) -> None:
    """A span's record that cannot be read is an InvalidInput, one of a later format says so."""
    for content, error in ((b"{", InvalidInput), (b"{}", InvalidInput), (b'{"format":2}', StoreTooNew)):
        (tmp_path / "span.json").write_bytes(content)
        with pytest.raises(error, match=r"span\.json"):
            WrittenSpan.load(tmp_path)
    with pytest.raises(InvalidInput, match=r"span\.json"):
        WrittenSpan.load(tmp_path / "nothing")


def test_golden_span(tmp_path: Path) -> None:
    """Format 1 of a span is read, and its rows are what its digest says."""
    golden = Path(__file__).parent / "golden" / "span_1"
    written = WrittenSpan.load(golden)
    assert written.digest == (golden.parent / "span_1.digest").read_text().strip()
    data = combine_spans([("2013-01", written)], roles=Roles(key=("id",)))
    pq.write_table(data.to_arrow(), tmp_path / "2013-01.parquet")
    (span,) = resolve_spans("{span}.parquet", base=tmp_path)
    (tmp_path / "again").mkdir()
    assert write_span(span, tmp_path / "again").digest == written.digest


def test_sha256_is_of_the_files_bytes(months: Path) -> None:
    """What a run records of a file can be checked by anyone."""
    (span,) = resolve_spans("{span}.parquet", "2013-01", base=months)
    assert span.pieces[0].identity == hashlib.sha256((months / "2013-01.parquet").read_bytes()).hexdigest()


def test_a_renamed_column_is_one_column(tmp_path: Path) -> None:
    """Files that have a column under its new name are read under the old: rows, roles and what is saved agree."""
    old = pa.table({"id": [1, None], "city": ["A", None]})
    new = pa.table({"town": ["B", "B"], "id": [3, 4]})
    for name, table in (("1", old), ("2", new)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    data = ingest("{span}.parquet", base=tmp_path, rename={"town": "city"}, sensitive="city")
    assert data.to_arrow().to_pydict() == {"id": [1, None, 3, 4], "city": ["A", None, "B", "B"]}
    assert data.uneven_columns == {} and data.roles.sensitive == ("city",)
    kept = tmp_path / "kept"
    kept.mkdir()
    data.save(kept)
    again = Dataset.load(kept)
    assert again.to_arrow().equals(data.to_arrow()) and again.digest == data.digest
    spans = resolve_spans("{span}.parquet", base=tmp_path)
    written = write_span(spans[1], disk.make_folder(tmp_path / "span"), rename={"town": "city"})
    assert written.arrow_schema.names == ["city", "id"]
    assert WrittenSpan.load(tmp_path / "span").digest == written.digest


def test_renaming_onto_a_column_that_is_there_is_refused(tmp_path: Path) -> None:
    """A file with both names would have two columns of one: it is named."""
    pq.write_table(pa.table({"town": ["B"], "city": ["A"]}), tmp_path / "1.parquet")
    with pytest.raises(InvalidInput, match=r"two columns are named 'city'.*1\.parquet, after renaming"):
        ingest(tmp_path / "{span}.parquet", rename={"town": "city"})

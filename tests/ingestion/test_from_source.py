"""from_source: whatever a source plans and reads is a data set."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.errors import InvalidInput, InvalidSchema, UnknownName
from headrace.ingestion import from_source, ingest
from headrace.ingestion.sources.parquet import Parquet
from headrace.testing.engine_cases import make_rows


def deliver(folder):
    """Two spans, the second of two files."""
    for name, num_rows in {"jan/a": 300, "feb/a": 40, "feb/b": 7}.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(make_rows(num_rows, seed=num_rows), path)
    return f"{folder}/{{span}}/*.parquet"


def test_it_is_what_ingest_makes(tmp_path):
    """Spans, rows, splits and digest are those of the same files brought in where they are."""
    pattern = deliver(tmp_path)
    name = make_rows(1).schema.names[0]
    options = {"key": [name], "split": {"train": 8, "eval": 2}}
    one, other = from_source(Parquet(pattern), **options), ingest(pattern, **options)
    assert [span.name for span in one.spans] == ["feb", "jan"]
    assert one.num_rows == 347
    assert one.digest == other.digest
    assert one.part_digests == other.part_digests


def test_after_a_cursor_there_is_only_what_is_new(tmp_path):
    """And nothing new is an error that says so."""
    pattern = deliver(tmp_path)
    assert [span.name for span in from_source(Parquet(pattern), cursor="feb").spans] == ["jan"]
    with pytest.raises(InvalidInput, match=r"nothing is new .*cursor 'jan'"):
        from_source(Parquet(pattern), cursor="jan")


def test_it_can_be_written_down(tmp_path):
    """As the result of a step is."""
    data = from_source(Parquet(deliver(tmp_path)))
    folder = tmp_path / "saved"
    folder.mkdir()
    data.save(folder)
    assert type(data).load(folder).digest == data.digest


def test_what_does_not_fit_is_named(tmp_path):
    """Files of one span that differ, and a role without a column."""
    pattern = deliver(tmp_path)
    with pytest.raises(UnknownName, match="late"):
        from_source(Parquet(pattern), label="late")
    pq.write_table(pa.table({"other": [1]}), tmp_path / "feb" / "c.parquet")
    with pytest.raises(InvalidSchema, match=r"feb/c\.parquet"):
        from_source(Parquet(pattern))

"""Spans that differ in shape, with a key and splits: validation names the differences and judges what it can."""

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.ingestion import ingest
from headrace.statistics import analyze
from headrace.validation import infer_schema, validate


@pytest.fixture
def deliver(tmp_path):
    """Write a span; the data set of those named, read anew, its digests known."""
    import pyarrow.parquet as pq

    def write(name, table):
        pq.write_table(table, tmp_path / f"{name}.parquet")

    def read(*names):
        data = ingest(tmp_path / "{span}.parquet", spans=list(names), key=["id"], split={"train": 8, "eval": 2})
        assert data.digest
        return data

    return write, read


def rows(start, **columns):
    """Two hundred rows with an id."""
    return pa.table({"id": list(range(start, start + 200)), "x": [float(n % 7) for n in range(200)], **columns})


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda table: table.rename_columns(["id", "z", "c"]), {"missing_column:x", "new_column:z"}),
        (lambda table: table.append_column("new", table["x"]), {"new_column:new"}),
        (lambda table: table.rename_columns(["key", "x", "c"]), {"missing_column:id", "new_column:key"}),
        (lambda table: table.set_column(1, "x", table["x"].cast(pa.string())), {"type:x"}),
    ],
)
def test_drift_is_compared_all_the_same(deliver, change, names):
    """A column renamed, added, retyped, or the key itself gone: findings, never a failure to read."""
    write, read = deliver
    for index, span in enumerate(("1", "2", "3")):
        table = rows(200 * index, c=["a", "b"] * 100)
        write(span, change(table) if span == "3" else table)
    previous = read("1", "2")
    found = validate(read("1", "2", "3"), infer_schema(analyze(previous)), previous=previous)
    assert names <= {item.name for item in found.items if item.severity in ("error", "warning")}
    assert isinstance(found.accepted if found.ok else previous, Dataset)

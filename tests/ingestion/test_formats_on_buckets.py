"""Flights as Parquet, CSV, JSON lines and TFRecord in a bucket are the data set that local Parquet is."""

from __future__ import annotations

import csv
import gzip
import importlib.util
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.dataset.types import type_text
from headrace.errors import StoreError
from headrace.ingestion import choose_source, resolve_spans, write_span
from headrace.store import Store
from headrace.testing.examples import encode_example, encode_records
from tests.servers import gcs as servers
from tests.servers.gcs import gcs as gcs
from tests.servers.gcs import gcs_server as gcs_server

ROLES: dict[str, Any] = {
    "label": "late",
    "key": ["time_hour", "carrier", "flight", "origin"],
    "split": {"train": 8, "eval": 2},
}


def months() -> dict[str, pa.Table]:
    """Two months of the demo's flights, 1,000 rows each; moments in microseconds, the unit that a CSV has."""
    file = Path(__file__).parent.parent.parent / "examples" / "flights" / "prepare.py"
    found = importlib.util.spec_from_file_location("prepare", file)
    assert found is not None and found.loader is not None
    prepare = importlib.util.module_from_spec(found)
    found.loader.exec_module(prepare)
    table = prepare.flights()
    place = table.schema.get_field_index("time_hour")
    table = table.set_column(place, "time_hour", table["time_hour"].cast(pa.timestamp("us", tz="UTC")))
    return {"2013-01": table.slice(0, 1000), "2013-10": table.slice(30_000, 1000)}


def text_of(value: Any) -> str:
    """A value as its own digits."""
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def as_parquet(table: pa.Table) -> bytes:
    """As pyarrow writes it."""
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def as_csv(table: pa.Table) -> bytes:
    """Nothing for null, packed."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow(["" if value is None else text_of(value) for value in row.values()])
    return gzip.compress(file.getvalue().encode())


def as_jsonl(table: pa.Table) -> bytes:
    """An object a line, nulls left out."""
    rows = ({name: value for name, value in row.items() if value is not None} for row in table.to_pylist())
    return "".join(json.dumps(row, default=text_of) + "\n" for row in rows).encode()


def as_tfrecord(table: pa.Table) -> bytes:
    """An Example a row; numbers with a fraction and moments by their digits, because a float_list has 32 bits."""
    records = []
    for row in table.to_pylist():
        there = {name: value for name, value in row.items() if value is not None}
        records.append(
            encode_example(
                {
                    name: [int(value)] if isinstance(value, (bool, int)) else [text_of(value).encode()]
                    for name, value in there.items()
                }
            )
        )
    return encode_records(records, packing="GZIP")


def test_the_first_line_is_all_that_changes(gcs: servers.Bucket, tmp_path: Path) -> None:
    """Four formats on a bucket, eagerly and as the spans of a pipeline: the digests are those of local Parquet."""
    tables = months()
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
        gcs.put(f"parquet/{name}.parquet", (tmp_path / f"{name}.parquet").read_bytes())
        gcs.put(f"csv/{name}.csv.gz", as_csv(table))
        gcs.put(f"jsonl/{name}.jsonl", as_jsonl(table))
        gcs.put(f"tfrecord/{name}.tfrecord.gz", as_tfrecord(table))
    types = {item.name: type_text(item.type) for item in next(iter(tables.values())).schema}
    local = str(tmp_path / "{span}.parquet")
    expected = hr.ingest(local, **ROLES)
    spans = [span_digest(local, span.name, tmp_path) for span in expected.spans]
    for source in (
        f"{gcs.url}/parquet/{{span}}.parquet",
        f"{gcs.url}/csv/{{span}}.csv.gz",
        hr.Jsonl(f"{gcs.url}/jsonl/{{span}}.jsonl", types=types),
        hr.TFRecord(f"{gcs.url}/tfrecord/{{span}}.tfrecord.gz", types=types),
    ):
        data = hr.ingest(source, **ROLES)
        assert data.arrow_schema == expected.arrow_schema, source
        assert data.digest == expected.digest, source
        assert [span_digest(source, span.name, tmp_path) for span in data.spans] == spans, source


def span_digest(pattern: Any, name: str, folder: Path) -> str:
    """What a pipeline's step writes of one span."""
    (span,) = resolve_spans(choose_source(pattern, name))
    place = folder / f"written-{len(list(folder.glob('written-*')))}"
    place.mkdir()
    return write_span(span, place, source=choose_source(pattern)).digest


@pytest.mark.slow
def test_a_pipeline_on_a_bucket(gcs: servers.Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows from a bucket, artifacts in a bucket, steps in processes of their own: what a local project makes."""
    for name, table in months().items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    gcs.upload(tmp_path, "rows/")
    digests = []
    for place, pattern in (("local", f"{tmp_path}/{{span}}.parquet"), ("remote", f"{gcs.url}/rows/{{span}}.parquet")):
        folder = tmp_path / place
        folder.mkdir()
        lines = [
            "import headrace as hr",
            "@hr.pipeline",
            "def small():",
            f"    raw = hr.ingest({pattern!r}, **{ROLES!r})",
            "    hr.validate(raw, hr.infer_schema(hr.analyze(raw)))",
        ]
        (folder / "small.py").write_text("\n".join(lines))
        (folder / "headrace.toml").write_text(
            f'artifacts = "{gcs.url}/store"\n' if place == "remote" else "workers = 1\n"
        )
        monkeypatch.chdir(folder)

        done = subprocess.run(
            [sys.executable, "-m", "headrace.cli", "run", "small.py"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        with Store.open(folder / ".headrace", create=False) as store:
            assert store.verify() == []
            (run,) = store.runs()
            made = {row.step: row.outputs for row in store.attempts(run.run_id)}
            digests.append({step: {name: item.digest for name, item in found.items()} for step, found in made.items()})
            if place == "remote":
                assert store.home.url == f"{gcs.url}/store"
                gcs.vanish()
                folder = store.artifact_folder(first(made))
                for file in folder.iterdir():
                    file.unlink()
                with pytest.raises(StoreError, match=r"gs://|damaged"):
                    store.artifact_folder(folder.name)
    assert digests[0] == digests[1]


def first(made: Any) -> str:
    """Some digest of what a run made."""
    return str(next(item.digest for outputs in made.values() for item in outputs.values()))

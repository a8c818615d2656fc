"""One data set, wherever its rows come from."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import headrace as hr

ROOT = Path(__file__).parent.parent
KEY = ["time_hour", "carrier", "flight", "origin"]


@pytest.mark.slow
@pytest.mark.bigquery
def test_flights_from_a_warehouse_are_the_flights_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two months as files, in DuckDB, in PostgreSQL and in BigQuery: the same digest, whatever brings them."""
    monkeypatch.setattr(sys, "path", [str(ROOT / "proofs"), str(ROOT / "examples" / "flights"), *sys.path])
    import prepare
    import sources

    prepare.prepare()
    folder = ROOT / "examples" / "flights" / "coming"
    months: dict[str, pa.Table] = {}
    for name in ("2013-01", "2013-02"):
        rows = pq.read_table(folder / f"{name}.parquet").slice(0, 3000)
        months[name] = sources.microseconds(rows)
    digests, skipped = {}, []
    monkeypatch.chdir(tmp_path)
    for name, start in sources.SOURCES.items():
        with ExitStack() as stack:
            try:
                line, environment = stack.enter_context(start(tmp_path, months))
            except FileNotFoundError as error:
                skipped.append(f"{name}: {error}")
                continue
            for variable, value in environment.items():
                monkeypatch.setenv(variable, value)
            source = eval(line, {"hr": hr})
            data = hr.ingest(source, label="late", key=KEY, split={"train": 8, "eval": 2})
            digests[name] = data.digest
    assert len(digests) > 1 and len(set(digests.values())) == 1, digests
    if skipped:
        pytest.skip(f"equal from {', '.join(digests)}; not here: {'; '.join(skipped)}")

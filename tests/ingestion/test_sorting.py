"""Rows that come in any order, in the order of their values."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from headrace.ingestion.sorting import sorted_batches
from headrace.testing.engine_cases import make_rows

ORDER = ["hour", "carrier", "delay", "id"]


def in_order(table: pa.Table, memory_bytes: int, seed: int, order: list[str] = ORDER) -> pa.Table:
    """The table's rows, in batches that come in another order, sorted."""
    batches = table.to_batches(max_chunksize=97)
    random.Random(seed).shuffle(batches)
    return pa.Table.from_batches(sorted_batches(batches, table.schema, order, memory_bytes), table.schema)


@pytest.mark.parametrize("num_rows", [0, 1, 500, 5000])
def test_neither_memory_nor_arrival_is_seen(num_rows: int) -> None:
    """All rows, in one order, whether they fit or lie in many runs, however they come: that of DuckDB."""
    rows = make_rows(num_rows)
    found = [in_order(rows, memory, seed) for memory, seed in ((1 << 30, 1), (20_000, 2), (2_000, 3), (1, 4))]
    assert len({str(sorted_.to_pylist()) for sorted_ in found}) == 1
    order = ", ".join(f"{name} nulls last" for name in ORDER)
    expected = duckdb.sql(f"select * from rows order by {order}").to_arrow_table()
    assert str(found[0].to_pylist()) == str(expected.cast(rows.schema).to_pylist())


def test_lists_and_structs_are_ordered_too() -> None:
    """By their text, nulls last: what matters is that the order is one."""
    values = [[1, None], None, [], [2], [1, None]]
    table = pa.table({"x": [1] * 5, "l": pa.array(values, pa.list_(pa.int64())), "s": [{"a": i} for i in range(5)]})
    found = [in_order(table, memory, seed, ["x", "l", "s"]).to_pylist() for memory, seed in ((1 << 20, 1), (1, 2))]
    assert found[0] == found[1] and found[0][-1]["l"] is None


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs lie in TMPDIR, and are gone when the rows were taken, or are no longer wanted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    table = make_rows(2000)
    reading = sorted_batches(table.to_batches(max_chunksize=100), table.schema, ORDER, 5000)
    next(reading)
    assert list(tmp_path.glob("headrace-*/*.arrow"))
    reading.close()
    assert not list(tmp_path.iterdir())

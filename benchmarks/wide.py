"""Row `wide`: what is too much for most tools, in one pass each: seconds, and the peak memory of a process of its own.

    columns   5,000 columns x 100,000 rows: numbers, whole numbers and texts in turn
    texts     10,000,000 distinct texts in one column
    huge      a text of 100 MB in a column of short ones
    lists     1,000,000 lists of ten values

DuckDB's SUMMARIZE reads the same files in a process of its own where it is installed. The limit is decoding alone.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _lines import CACHE, line, options

CASE = "wide"

# The peak of this program alone: what `getrusage` has may be that of whoever started it.
_PEAK = """
def peak():
    with open("/proc/self/status") as file:
        return next(int(row.split()[1]) / 1e6 for row in file if row.startswith("VmHWM"))
"""
_OURS = """
import json, sys, time
from headrace.dataset import Dataset
from headrace.statistics import analyze
start = time.perf_counter()
found = analyze(Dataset.from_parquet(sys.argv[1]))
folded = time.perf_counter() - start
for name in [*found.feature_names, *found.nested_names]:
    found[name]
whole = time.perf_counter() - start
print(json.dumps([folded, whole, peak()]))
"""
_DECODE = """
import json, sys, time
import pyarrow.parquet as pq
start = time.perf_counter()
file = pq.ParquetFile(sys.argv[1])
for group in range(file.num_row_groups):
    file.read_row_group(group)
taken = time.perf_counter() - start
print(json.dumps([taken, taken, peak()]))
"""
_DUCKDB = """
import json, sys, time
import duckdb
start = time.perf_counter()
duckdb.connect().execute(f"summarize select * from '{sys.argv[1]}'").fetchall()
taken = time.perf_counter() - start
print(json.dumps([taken, taken, peak()]))
"""


def columns(share: int) -> Iterator[pa.Table]:
    """5,000 columns in ten row groups."""
    rng = np.random.default_rng(1)
    number, rows = 5_000 // share, 10_000
    words = pa.array([f"w{at:03}" for at in range(500)])

    def group() -> pa.Table:
        made = {}
        for at in range(number):
            if at % 3 == 0:
                made[f"n{at}"] = pa.array(rng.normal(at, 1, rows))
            elif at % 3 == 1:
                made[f"i{at}"] = pa.array(rng.integers(0, 1_000, rows), mask=rng.random(rows) < 0.02)
            else:
                made[f"t{at}"] = words.take(pa.array(rng.integers(0, 500, rows)))
        return pa.table(made)

    for _ in range(max(1, 10 // share)):
        yield group()


def texts(share: int) -> Iterator[pa.Table]:
    """10^7 texts, no two alike."""
    rows = 1_000_000 // share
    for at in range(10):
        numbers = np.arange(at * rows, (at + 1) * rows) * 7_919 + 10**10
        yield pa.table({"x": pa.array(numbers).cast(pa.string())})


def huge(share: int) -> Iterator[pa.Table]:
    """One of 100 MB among short ones."""
    yield pa.table({"x": pa.array(["a", "b", None, "x" * (100_000_000 // share)] + ["c"] * 1_000)})


def lists(share: int) -> Iterator[pa.Table]:
    """Lists of ten numbers of 16 bits."""
    rows = 1_000_000 // share
    values = pa.array(np.random.default_rng(2).integers(0, 1 << 16, 10 * rows))
    offsets = pa.array(np.arange(0, 10 * rows + 1, 10), pa.int32())
    yield pa.table({"x": pa.ListArray.from_arrays(offsets, values)})


def prepare(name: str, share: int) -> Path:
    """The case's file."""
    path = CACHE / f"wide_{name}_{share}.parquet"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside, writer = path.with_suffix(".new"), None
        for group in globals()[name](share):
            writer = writer or pq.ParquetWriter(beside, group.schema, compression="zstd")
            writer.write_table(group, row_group_size=1 << 20)
        assert writer is not None
        writer.close()
        beside.rename(path)
    return path


def run(code: str, path: Path) -> tuple[float, float, float]:
    """(seconds folding, seconds in all, peak GB) of a process of its own."""
    done = subprocess.run([sys.executable, "-c", _PEAK + code, str(path)], check=True, capture_output=True, text=True)
    folded, whole, peak = json.loads(done.stdout)
    return folded, whole, peak


def main() -> None:
    """Print our time beside decoding and DuckDB, and the memory of each."""
    arguments = options(__doc__)
    share = 50 if arguments.tiny else 1
    for name in ("columns", "texts", "huge", "lists"):
        path = prepare(name, share)
        metadata = pq.ParquetFile(path).metadata
        what = f"{name}: {metadata.num_rows:,} rows x {metadata.num_columns:,}"
        folded, whole, peak = run(_OURS, path)
        taken, _, held = run(_DECODE, path)
        line(CASE, f"{what}, folded", "s", folded, "Arrow decode", taken)
        line(CASE, f"{what}, every figure", "s", whole, "Arrow decode", taken)
        line(CASE, f"{what}, peak memory", "GB", peak, "Arrow decode", held)
        if not arguments.no_peers and importlib.util.find_spec("duckdb") is not None:
            taken, _, held = run(_DUCKDB, path)
            line(CASE, f"{what}, every figure", "s", whole, "DuckDB SUMMARIZE", taken)
            line(CASE, f"{what}, peak memory", "GB", peak, "DuckDB SUMMARIZE", held)


if __name__ == "__main__":
    main()

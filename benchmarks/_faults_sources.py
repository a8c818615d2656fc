"""Tables of case `faults`: flights and weather by month, four of scikit-learn at random; and what breaks in them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from _faults import KINDS, STRENGTHS, Made, break_table, can_befall

FLIGHTS = Path(__file__).parent.parent / "examples" / "flights"


class Kept(dict[tuple[str, str], bytes]):
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


class Sources:
    """The tables, each made when it is first drawn."""

    def __init__(self, folder: Path, tables: Sequence[str], is_tiny: bool) -> None:
        self.folder, self.tables, self.is_tiny = folder, tables, is_tiny
        self._made: dict[str, Source] = {}

    def draw(self, rng: np.random.Generator, *, large: bool = False) -> Source:
        """Half of the draws are flights, a quarter weather, the rest share the others."""
        rest = self.tables[2:] or self.tables
        draw = rng.random()
        name = self.tables[0] if draw < 0.5 or len(self.tables) == 1 else self.tables[1]
        if draw >= 0.75 and not large:
            name = str(rng.choice(rest))
        return self.named(name)

    def named(self, name: str) -> Source:
        """The table of that name."""
        if name not in self._made:
            made = {"flights": lambda: flights(self.folder, self.is_tiny), "weather": lambda: weather(self.folder)}
            self._made[name] = made[name]() if name in made else bundled(self.folder, name)
        return self._made[name]


def broken_case(sources: Sources, seed: int, turn: int) -> tuple[Source, str, tuple[str, ...], pa.Table, Made]:
    """(source, new span, earlier spans, its rows with one fault, the fault): kinds and strengths in turn."""
    rng = np.random.default_rng(seed)
    kinds = sorted(KINDS)
    kind, strength = kinds[turn % len(kinds)], STRENGTHS[turn // len(kinds) % len(STRENGTHS)]
    for _ in range(100):
        source = sources.draw(rng)
        if can_befall(next(iter(source.spans.values())), kind, source.skip):
            name, before = draw_spans(source, rng)
            broken = break_table(source.spans[name], kind, strength, source.slicing, source.skip, rng)
            if broken is not None:
                return source, name, before, *broken
    raise SystemExit(f"no table can be broken by {kind}")


def draw_spans(source: Source, rng: np.random.Generator) -> tuple[str, tuple[str, ...]]:
    """The new span, and those before it."""
    names = list(source.spans)
    at = int(rng.integers(6, 12)) if len(names) == 12 else len(names) - 1
    return names[at], tuple(names[max(0, at - 6) : at])

"""Case `faults`: faults made by seed in real data, and what `validate(..., previous=...)` says of them.

Tables: flights by month (26 columns, 6 earlier months), hourly weather by month (6 earlier months), and four small ones
of scikit-learn cut at random (3 earlier parts). Parts, each printing JSON lines:

- `faults`: fifteen kinds at three strengths, one a seed; detected, right feature, right slice, right kind, and what
  else was called an error. A finding is an error; `told` counts warnings of the right feature too.
- `pairs`: random halves of one span, nothing broken: pairs with any error.
- `mixture`: rows of one category dropped at random, so that only shares move: called a mixture, and no error.
- `season`: months of flights and weather as they are, beside the six before: errors and warnings, compared with all
  earlier rows and with those of the same hour of the week. Nothing is broken: all of them are cries of wolf.
- `power`: the smallest shift of a normal column, and of one share, that is told in 90 of 100, by number of rows.

One file, because its parts share their sources. Constants of the finder were chosen on odd seeds and on even ones below
1,002, so figures are those of even seeds from 2,002. `--peers` gives the same files to
TensorFlow Data Validation, Evidently and Great Expectations in environments of their own (`_faults_peers.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from _faults import KINDS, STRENGTHS, Made, bools, break_table, can_befall, mix_table
from _faults_peers import Case, compare
from _lines import machine

PEER_ROWS = 20_000
SIZES = (100, 300, 1000, 3000, 10_000, 100_000)  # rows on each side
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


def judge(
    table: pa.Table, name: str, previous: Any, label: str | None, engine: Any, **options: Any
) -> tuple[Any, float]:
    """What is found in these rows beside the earlier ones, and the seconds that took."""
    from headrace.ingestion import ingest
    from headrace.schema import Schema
    from headrace.validation import validate

    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(table, Path(folder) / f"{name}.parquet")
        data = ingest(f"{folder}/{{span}}.parquet", label=label, time=options.pop("time", None))
        start = time.perf_counter()
        found = validate(data, Schema.from_arrow(data.arrow_schema), previous=previous, engine=engine, **options)
        return found, time.perf_counter() - start


def one(sources: Sources, seed: int, turn: int, engine: Any) -> dict[str, Any]:
    """One seed: a fault, and what was said."""
    source, name, before, table, made = broken_case(sources, seed, turn)
    found, took = judge(table, name, source.previous(before), source.label, engine)
    errors = [item for item in found.errors if item.code.startswith("drift")]
    mine = [item for item in errors if item.feature in made.features]
    others = [item for item in errors if item.feature not in made.features]
    told = [item for item in found.items if item.feature in made.features and item.severity in ("error", "warning")]
    if made.kind == "duplicated":
        told = [item for item in found.items if item.code == "drift_duplicated"]
    return {
        "seed": seed,
        "table": source.name,
        "made": str(made),
        "kind": made.kind,
        "strength": made.strength,
        "errors": [item.message for item in errors],
        "seconds": round(took, 3),
        "detected": bool(mine),
        "right_feature": bool(mine) and not others,
        "right_kind": any(item.code.removeprefix("drift_") in made.names for item in mine),
        "right_slice": bool(mine) and _right_slice(table, mine, made),
        "told": bool(told),
        "others": len(others),
    }


def _right_slice(table: pa.Table, items: Sequence[Any], made: Made) -> bool:
    """Whether the slice is named: by its rows; where these did not come at all, by its name or their column's."""
    if made.kind == "missing":
        wanted = None if made.slice is None else f"{made.slice[0]}={made.slice[1]}"
        return any(item.slice == wanted for item in items)
    return _same_rows(table, [item.slice for item in items], made)


def pair(sources: Sources, seed: int, engine: Any) -> dict[str, Any]:
    """Two random halves of a span (the first again in three parts), nothing broken."""
    from headrace.ingestion import ingest

    rng = np.random.default_rng(seed)
    source = sources.draw(rng)
    name, _ = draw_spans(source, rng)
    table = source.spans[name]
    size = int(min(table.num_rows, rng.choice([300, 1000, 3000, 10_000])))
    table = table.take(pa.array(rng.permutation(table.num_rows)[:size]))
    half = size // 2
    third = half // 3
    with tempfile.TemporaryDirectory() as folder:
        for place in range(3):
            pq.write_table(table.slice(place * third, third), Path(folder) / f"a{place}.parquet")
        previous = ingest(f"{folder}/{{span}}.parquet", label=source.label)
        found, took = judge(table.slice(half), "b", previous, source.label, engine)
    errors = [item for item in found.errors if item.code.startswith("drift")]
    warnings = [item for item in found.items if item.severity == "warning" and item.code.startswith("drift")]
    return {
        "seed": seed, "table": source.name, "rows": size, "errors": [item.message for item in errors],
        "warnings": [item.message for item in warnings], "seconds": round(took, 3),
    }  # fmt: skip


def mixture(sources: Sources, seed: int, engine: Any) -> dict[str, Any]:
    """A span where only the shares of one column's values moved."""
    rng = np.random.default_rng(seed)
    source = sources.draw(rng, large=True)
    name, before = draw_spans(source, rng)
    table, cut, moved = mix_table(source.spans[name], source.slicing, rng)
    found, took = judge(table, name, source.previous(before), source.label, engine)
    called = [item for item in found.items if item.code == "drift_mixture"]
    errors = [item.message for item in found.errors if item.code.startswith("drift")]
    return {
        "seed": seed, "table": source.name, "column": cut, "moved": round(moved, 3),
        "called": any(item.feature == cut for item in called), "errors": errors,
        "items": [item.message for item in found.items if item.severity in ("error", "warning")],
        "seconds": round(took, 3),
    }  # fmt: skip


def seasons(sources: Sources, count: int, engine: Any) -> Iterator[dict[str, Any]]:
    """Clean months: what is cried without a season, and with the hour of the week."""
    for name in ("flights", "weather"):
        source = sources.named(name)
        names = list(source.spans)
        for season in (None, "hour_of_week"):
            totals: dict[str, int] = dict.fromkeys(("errors", "warnings"), 0)
            months = range(6, 12)[:count]
            for at in months:
                earlier, new = source.previous(tuple(names[at - 6 : at])), source.spans[names[at]]
                more = {"time": "time_hour", "season": season} if season else {}
                found, _ = judge(new, names[at], earlier, source.label, engine, **more)
                totals["errors"] += sum(item.code.startswith("drift") for item in found.errors)
                totals["warnings"] += sum(
                    item.code.startswith("drift") and item.severity == "warning" for item in found.items
                )
            yield {
                "case": "faults", "part": "season", "table": name, "season": season, "months": len(months), **totals
            }  # fmt: skip


def peer_cases(sources: Sources, seeds: Sequence[int]) -> Iterator[Case]:
    """For each seed its broken case, and a clean pair of random halves, as `faults` and `pairs` have them.

    Of the earlier rows at most 20,000, drawn at random: peers read them again for each case.
    """
    for turn, seed in enumerate(seeds):
        source, _, before, table, made = broken_case(sources, seed, turn)
        earlier = pa.concat_tables([source.spans[name] for name in before])
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.permutation(earlier.num_rows)[:PEER_ROWS])
        features = sorted(map(str, made.features))
        yield Case(str(seed), made.strength, features, earlier.take(pa.array(chosen)), table)
        source = sources.draw(rng)
        whole = source.spans[draw_spans(source, rng)[0]]
        order = rng.permutation(whole.num_rows)[: PEER_ROWS // 2]
        halves = [whole.take(pa.array(rows)) for rows in (order[::2], order[1::2])]
        yield Case(f"clean{seed}", "clean", [], *halves)


def power(num_tries: int, sizes: Sequence[int] = SIZES) -> list[dict[str, Any]]:
    """By number of rows on each side, the smallest shift seen in 90 of 100 tries: of a mean, in standard deviations,
    and of one of two shares; beyond chance ("noticed") and beyond what matters too ("drifted")."""
    import pyarrow as pa

    from headrace.fold import Distribution, Rows
    from headrace.validation._distances import distances
    from headrace.validation._profile import Profile

    def profile(values: Any, kind: str) -> Profile:
        fold = Distribution("x", kind)  # type: ignore[arg-type]
        return Profile.of(fold.extract(fold.add(fold.create(1), Rows(pa.record_batch({"x": values})), None))[0])

    lines = []
    for num_rows in sizes:
        for what, shifts in (("mean", np.arange(1, 81) * 0.02), ("share", np.arange(1, 81) * 0.01)):
            smallest: dict[str, float | None] = {"noticed": None, "drifted": None}
            for shift in shifts.tolist():
                hits = dict.fromkeys(smallest, 0)
                for turn in range(num_tries):
                    rng = np.random.default_rng((num_rows, turn, round(shift * 100)))
                    if what == "mean":
                        sides = [profile(rng.normal(at, 1, num_rows), "number") for at in (0.0, shift)]
                    else:
                        draws = [rng.random(num_rows) < at for at in (0.2, min(1.0, 0.2 + shift))]
                        sides = [profile(pa.array(np.where(one, "a", "b").tolist()), "text") for one in draws]
                    measured = distances(*sides, 1e-3 / 20)
                    hits["noticed"] += any(one.is_noticeable for one in measured)
                    hits["drifted"] += any(one.has_drifted for one in measured)
                for word, count in hits.items():
                    if smallest[word] is None and count >= 0.9 * num_tries:
                        smallest[word] = round(shift, 2)
                if None not in smallest.values():
                    break
            lines.append({"case": "faults", "part": "power", "of": what, "rows": num_rows, **smallest, "columns": 20})
    return lines


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
    """Run the parts, print lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="few seeds over a tenth of the flights: does it still run?")
    parser.add_argument("--peers", help="names of peers, with commas: tfdv,evidently,great-expectations")
    parser.add_argument(
        "--no-peers", action="store_true", help="leave the peers out, which is so unless they are named"
    )
    parser.add_argument("--num-peers", type=int, default=90, help="how many of the cases and pairs peers are given")
    parser.add_argument("--environments", type=Path, default=FLIGHTS.parent.parent / ".venvs", help="where they lie")
    parser.add_argument("--part", default="faults,pairs,mixture,season,power")
    parser.add_argument("--first", type=int, default=2_002, help="the first seed; every second one is taken")
    parser.add_argument("--count", type=int, help="how many, where it is not the part's own number")
    parser.add_argument("--tables", default="flights,weather,wine,breast_cancer,digits,diabetes")
    parser.add_argument("--each", action="store_true", help="a line a case")
    arguments = parser.parse_args()
    from headrace.engine import LocalEngine, StateCache

    engine = LocalEngine(states=StateCache(_Kept(), code="bench"))  # type: ignore[arg-type]
    counts = {"faults": 500, "pairs": 1000, "mixture": 100, "season": 6, "power": 100}
    if arguments.tiny:
        counts = {"faults": 8, "pairs": 3, "mixture": 2, "season": 1, "power": 1}
    with tempfile.TemporaryDirectory() as place:
        sources = Sources(Path(place), arguments.tables.split(","), arguments.tiny)
        for part in arguments.part.split(","):
            count = arguments.count or counts[part]
            seeds = [arguments.first + 2 * turn for turn in range(count)]
            if part in ("power", "season"):
                sizes = SIZES[:2] if arguments.tiny else SIZES
                for line in power(count, sizes) if part == "power" else seasons(sources, count, engine):
                    print(json.dumps(line), flush=True)
                continue
            records = []
            for turn, seed in enumerate(seeds):
                if part == "faults":
                    records.append(one(sources, seed, turn, engine))
                else:
                    fresh = LocalEngine() if part == "pairs" else engine
                    records.append((pair if part == "pairs" else mixture)(sources, seed, fresh))
                if arguments.each:
                    print(json.dumps(records[-1]), flush=True)
            for line in _summaries(part, records, [seeds[0], seeds[-1]]):
                print(json.dumps(line), flush=True)
        if arguments.peers and not arguments.no_peers:
            seeds = [arguments.first + 2 * turn for turn in range(arguments.num_peers)]
            cases = peer_cases(sources, seeds)
            for line in compare(arguments.peers.split(","), cases, arguments.environments):
                print(json.dumps(line), flush=True)


def _summaries(part: str, records: list[dict[str, Any]], seeds: list[int]) -> list[dict[str, Any]]:
    common = {"case": "faults", "part": part, "seeds": seeds, "machine": machine()}
    took = float(np.median([record["seconds"] for record in records]))
    if part == "pairs":
        words = {word: sum(bool(record[word]) for record in records) for word in ("errors", "warnings")}
        return [{**common, "pairs": len(records), "with_errors": words["errors"], "with_warnings": words["warnings"],
                 "median_s": took}]  # fmt: skip
    if part == "mixture":
        called = sum(record["called"] and not record["errors"] for record in records)
        with_errors = sum(bool(record["errors"]) for record in records)
        return [{**common, "cases": len(records), "called": called, "with_errors": with_errors, "median_s": took}]
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        groups[f"{record['kind']}"].append(record)
        groups[f"all {record['strength']}"].append(record)
        if record["strength"] != "weak":
            groups["all strong and middle"].append(record)
    words = ("detected", "right_feature", "right_kind", "right_slice", "told")
    return [
        {
            **common,
            "of": name,
            "cases": len(found),
            **{word: sum(record[word] for record in found) for word in words},
            "other_errors": sum(record["others"] for record in found),
            "median_s": float(np.median([record["seconds"] for record in found])),
        }
        for name, found in sorted(groups.items(), key=lambda pair: (pair[0].startswith("all"), pair[0]))
    ]


if __name__ == "__main__":
    main()

"""Case `faults`: faults made by seed in real data, and what `validate(..., previous=...)` says of them.

Tables: flights by month (26 columns, 6 earlier months), hourly weather by month (6 earlier months), and four small ones
of scikit-learn cut at random (3 earlier parts). Parts, each printing JSON lines:

- `faults`: fifteen kinds at three strengths, one a seed; detected, right feature, right slice, right kind, and what
  else was called an error. A finding is an error; `told` counts warnings of the right feature too. Some faults nobody
  can see (`_faults_oracle.py` has the bound): all faults are counted, and then those that could be seen alone.
- `pairs`: random halves of one span, nothing broken: pairs with any error.
- `mixture`: rows of one category dropped at random, so that only shares move: called a mixture, and no error.
- `season`: months of flights and weather as they are, beside those before: errors and warnings, compared with all
  earlier rows and with those of the same hour of the week. Nothing is broken: all of them are cries of wolf.
- `power`: the smallest shift of a normal column, and of one share, that is told in 90 of 100, by number of rows.
- `peers`: a share of the faults and as many clean pairs, given to TensorFlow Data Validation, Evidently and Great
  Expectations in environments of their own (`_faults_peers.py`), and to ours: the same rows, one table.

Constants of the finder were chosen on odd seeds and on even ones below 1,002; figures are those of even seeds that no
constant was chosen on. Each process keeps the statistics of earlier spans, so `--jobs` costs memory: 1 GB each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from _faults import Made, bools, mix_table
from _faults_oracle import nats, needed
from _faults_peers import PEERS, ask, rows_of, table_of, write_case
from _faults_power import SIZES, power
from _faults_sources import FLIGHTS, Kept, Sources, broken_case, draw_spans
from _lines import machine

PEER_ROWS = 20_000
SEASONS = (None, "hour_of_week", "month")
TOUCHED = (50, 100, 1000)  # rows: groups of faults


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
    there, least = nats(source.spans[name], table, made), needed(table, source.slicing)
    return {
        "seed": seed,
        "turn": turn,
        "table": source.name,
        "made": str(made),
        "kind": made.kind,
        "strength": made.strength,
        "touched": int(made.rows.sum()),
        "nats": round(there, 1),
        "visible": there >= least,
        "seconds": round(took, 3),
        **_answers(found, table, made),
    }


def _answers(found: Any, table: pa.Table, made: Made) -> dict[str, Any]:
    """What of the fault was told, and what else."""
    errors = [item for item in found.errors if item.code.startswith("drift")]
    mine = [item for item in errors if item.feature in made.features]
    others = [item for item in errors if item.feature not in made.features]
    told = [item for item in found.items if item.feature in made.features and item.severity in ("error", "warning")]
    if made.kind == "duplicated":
        told = [item for item in found.items if item.code == "drift_duplicated"]
    return {
        "errors": [item.message for item in errors],
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
    rng = np.random.default_rng(seed)
    source = sources.draw(rng)
    name, _ = draw_spans(source, rng)
    table = source.spans[name]
    size = int(min(table.num_rows, rng.choice([300, 1000, 3000, 10_000])))
    table = table.take(pa.array(rng.permutation(table.num_rows)[:size]))
    half = size // 2
    third = half // 3
    earlier = [table.slice(place * third, third) for place in range(3)]
    found, took = _judge_beside(earlier, table.slice(half), "b", source.label, engine)
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


def season(sources: Sources, name: str, at: int, kind: str | None, engine: Any) -> dict[str, Any]:
    """A clean month beside all before it: what is cried without a season, or with one."""
    source = sources.named(name)
    names = list(source.spans)
    more = {"time": "time_hour", "season": kind} if kind else {}
    found, took = judge(
        source.spans[names[at]], names[at], source.previous(tuple(names[:at])), source.label, engine, **more
    )
    drift = [item for item in found.items if item.code.startswith("drift")]
    return {
        "table": name, "season": kind, "month": names[at], "earlier": at,
        "not_compared": any(item.code == "drift_season" for item in drift), "seconds": round(took, 3),
        **{f"{word}s": [one.message for one in drift if one.severity == word] for word in ("error", "warning")},
    }  # fmt: skip


def peer_case(sources: Sources, seed: int, turn: int, folder: Path, engine: Any) -> list[dict[str, Any]]:
    """A broken case and a clean pair of random halves, written for peers; and what ours says of the same rows.

    Of the earlier rows at most 20,000, drawn at random: peers read them again for each case. Ours gets them by span,
    as they came, the others all together.
    """
    source, name, before, table, made = broken_case(sources, seed, turn)
    rng = np.random.default_rng(seed)
    share = min(1.0, PEER_ROWS / sum(source.spans[one].num_rows for one in before))
    earlier = [source.spans[one].filter(pa.array(rng.random(source.spans[one].num_rows) < share)) for one in before]
    write_case(folder, str(seed), pa.concat_tables(earlier), table)
    found, took = _judge_beside(earlier, table, name, source.label, engine)
    broken = {"name": str(seed), "strength": made.strength, "features": sorted(map(str, made.features))}
    broken |= {"seconds": took, **_answers(found, table, made)}
    source = sources.draw(rng)
    whole = source.spans[draw_spans(source, rng)[0]]
    order = rng.permutation(whole.num_rows)[: PEER_ROWS // 2]
    halves = [whole.take(pa.array(rows)) for rows in (order[::2], order[1::2])]
    write_case(folder, f"clean{seed}", *halves)
    third = -(-halves[0].num_rows // 3)
    thirds = [halves[0].slice(place * third, third) for place in range(3)]
    found, took = _judge_beside(thirds, halves[1], "b", source.label, engine)
    called = any(item.code.startswith("drift") for item in found.errors)
    return [broken, {"name": f"clean{seed}", "strength": "clean", "features": [], "seconds": took, "called": called}]


def _judge_beside(
    earlier: Sequence[pa.Table], table: pa.Table, name: str, label: str | None, engine: Any
) -> tuple[Any, float]:
    """`judge` beside tables that are the earlier spans, in order."""
    from headrace.ingestion import ingest

    with tempfile.TemporaryDirectory() as folder:
        for place, one in enumerate(earlier):
            pq.write_table(one, Path(folder) / f"a{place}.parquet")
        return judge(table, name, ingest(f"{folder}/{{span}}.parquet", label=label), label, engine)


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


_state: tuple[Sources, Any] | None = None


def _begin(folder: str, tables: list[str], is_tiny: bool, jobs: int) -> None:
    """What each process has of its own: the tables, and an engine that keeps what it has folded."""
    global _state
    from headrace.engine import LocalEngine, StateCache

    own = Path(folder) / str(multiprocessing.current_process().pid)
    own.mkdir()
    pa.set_cpu_count(max(1, pa.cpu_count() // jobs))
    engine = LocalEngine(workers=0 if jobs == 1 else 1, states=StateCache(Kept(), code="bench"))  # type: ignore[arg-type]
    _state = Sources(own, tables, is_tiny), engine


def _work(task: tuple[Any, ...]) -> Any:
    from headrace.engine import LocalEngine

    assert _state is not None
    (sources, engine), (part, *rest) = _state, task
    if part == "power":
        return power(*rest)
    if part == "pairs":
        return pair(sources, *rest, LocalEngine(workers=engine.workers))
    return {"faults": one, "mixture": mixture, "season": season, "peers": peer_case}[part](sources, *rest, engine)


def _tasks(part: str, count: int, first: int, folder: Path, is_tiny: bool) -> list[tuple[Any, ...]]:
    seeds = [first + 2 * turn for turn in range(count)]
    if part == "power":
        sizes = SIZES[:2] if is_tiny else SIZES
        return [(part, what, size, count) for size in reversed(sizes) for what in ("mean", "share")]
    if part == "season":
        months = range(11, 11 - count, -1)
        return [(part, name, at, kind) for name in ("flights", "weather") for kind in SEASONS for at in months]
    if part == "peers":
        return [(part, seed, turn, folder) for turn, seed in enumerate(seeds)]
    return [(part, seed, turn) if part == "faults" else (part, seed) for turn, seed in enumerate(seeds)]


def main() -> None:
    """Run the parts, print lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="few seeds over a tenth of the flights: does it still run?")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--peers", help=f"names of peers, with commas: {','.join(PEERS)}; by default those that are made"
    )
    parser.add_argument("--no-peers", action="store_true", help="leave the peers out")
    parser.add_argument("--num-peers", type=int, default=100, help="how many faults and clean pairs peers are given")
    parser.add_argument("--environments", type=Path, default=FLIGHTS.parent.parent / ".venvs", help="where they lie")
    parser.add_argument("--part", default="faults,pairs,mixture,season,power,peers")
    parser.add_argument("--first", type=int, default=20_002, help="the first seed; every second one is taken")
    parser.add_argument("--count", type=int, help="how many, where it is not the part's own number")
    parser.add_argument("--tables", default="flights,weather,wine,breast_cancer,digits,diabetes")
    parser.add_argument("--each", action="store_true", help="a line a case")
    arguments = parser.parse_args()
    counts = {"faults": 500, "pairs": 1000, "mixture": 100, "season": 11, "power": 100, "peers": arguments.num_peers}
    if arguments.tiny:
        counts = {"faults": 8, "pairs": 3, "mixture": 2, "season": 1, "power": 1, "peers": 2}
    made = [name for name in PEERS if (arguments.environments / name / "bin" / "python").exists()]
    peers = [] if arguments.no_peers else arguments.peers.split(",") if arguments.peers else made
    parts = [part for part in arguments.part.split(",") if part != "peers" or peers or not arguments.no_peers]
    with tempfile.TemporaryDirectory() as place:
        common = (place, arguments.tables.split(","), arguments.tiny, arguments.jobs)
        context = multiprocessing.get_context("fork")  # before anything here has threads
        with ProcessPoolExecutor(arguments.jobs, context, _begin, common) as pool:
            for part in parts:
                count, start = arguments.count or counts[part], time.perf_counter()
                folder = Path(place) / part
                folder.mkdir()
                records = []
                for record in pool.map(_work, _tasks(part, count, arguments.first, folder, arguments.tiny)):
                    records.append(record)
                    if arguments.each:
                        print(json.dumps(record), flush=True)
                answers = (
                    {peer: ask(peer, folder, arguments.environments, arguments.jobs) for peer in peers}
                    if part == "peers"
                    else {}
                )
                seeds = [arguments.first, arguments.first + 2 * (count - 1)]
                for line in _summaries(part, records, answers):
                    line = {"case": "faults", "part": part, "seeds": seeds, **line}
                    print(
                        json.dumps({**line, "took_s": round(time.perf_counter() - start), "machine": machine()}),
                        flush=True,
                    )


def _summaries(part: str, records: list[Any], answers: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if part == "power":
        yield from records
        return
    if part == "peers":
        rows = rows_of([case for pair in records for case in pair], answers)
        print(table_of(rows), file=sys.stderr, flush=True)
        yield from rows
        return
    if part == "season":
        for name, kind in dict.fromkeys((record["table"], record["season"]) for record in records):
            found = sorted(
                (record for record in records if (record["table"], record["season"]) == (name, kind)),
                key=lambda record: record["month"],
            )
            yield {
                "table": name, "season": kind, "months": len(found),
                "not_compared": sum(record["not_compared"] for record in found),
                **{word: sum(len(record[word]) for record in found) for word in ("errors", "warnings")},
                "by_month": {record["month"]: [len(record["errors"]), len(record["warnings"])] for record in found},
            }  # fmt: skip
        return
    took = float(np.median([record["seconds"] for record in records]))
    if part == "pairs":
        words = {f"with_{word}": sum(bool(record[word]) for record in records) for word in ("errors", "warnings")}
        yield {"pairs": len(records), **words, "median_s": took}
        return
    if part == "mixture":
        called = sum(record["called"] and not record["errors"] for record in records)
        with_errors = sum(bool(record["errors"]) for record in records)
        yield {"cases": len(records), "called": called, "with_errors": with_errors, "median_s": took}
        return
    yield from _of_faults(records)


def _of_faults(records: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """By kind, by strength, by rows touched; of all faults and of those that could be seen."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        groups[record["kind"]].append(record)
        groups[f"all {record['strength']}"].append(record)
        if record["strength"] != "weak":
            groups["all strong and middle"].append(record)
            few = next((str(most) for most in TOUCHED if record["touched"] < most), "more")
            groups[
                f"all strong and middle, rows touched under {few}"
                if few != "more"
                else f"all strong and middle, {TOUCHED[-1]} rows touched or more"
            ].append(record)
            if record["visible"]:
                groups["all strong and middle, visible"].append(record)
    words = ("detected", "right_feature", "right_kind", "right_slice", "told", "visible")
    for name, found in sorted(groups.items(), key=lambda pair: (pair[0].startswith("all"), pair[0])):
        yield {
            "of": name,
            "cases": len(found),
            **{word: sum(record[word] for record in found) for word in words},
            "detected_unseeable": sum(record["detected"] and not record["visible"] for record in found),
            "other_errors": sum(record["others"] for record in found),
            "median_nats": float(np.median([record["nats"] for record in found])),
            "median_s": float(np.median([record["seconds"] for record in found])),
        }


if __name__ == "__main__":
    main()

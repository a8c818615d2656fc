"""Row `increment`: month 7 of a rolling window of six, after months 1 to 6 came one by one, against all of it anew.

The flights example as it is, run by `headrace run` in a folder of its own, start of the command included and the train
step taken out of all times. Two peers:

- **the same work, nothing kept**: the same store with its runs, its champion and its accepted months, but without kept
  states and cached steps. It answers the same bytes, which is checked; it is what every other tool does.
- **an empty store**: less work, because nothing is there to compare month 7 with, neither months nor a champion.

The same for months ten times as large, because at the example's own size a month is 29,425 rows, and starting ten
processes costs more than reading them. Each flight is there ten times, at slightly other times and under other
numbers; copies are no sample that drift could be judged on, so there the pipeline names no previous data set.
Bytecode is compiled before anything is timed, as an installed package has it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _lines import line, options

EXAMPLE = Path(__file__).parent.parent / "examples" / "flights"
RUNS = 3
FITS = ("tune", "train")
FLOOR, AIM = 0.5, 0.35  # of the time of the same work
SAME, EMPTY = "the same work, nothing kept", "an empty store"


@dataclass(frozen=True)
class Timed:
    """One run: the seconds of the command, and what it printed."""

    seconds: float
    plain: dict[str, Any]

    def without(self, *names: str) -> float:
        """The seconds of the command less those of some steps."""
        return self.seconds - sum(step["seconds"] for step in self.plain["steps"] if step["step"] in names)

    def rows(self, name: str) -> int:
        """`rows_read` or `rows_reused` of all steps but those that fit."""
        return sum(step[name] for step in self.plain["steps"] if step["step"] not in FITS)


def write_month(month: int, folder: Path, *, copies: int, most_rows: int | None) -> None:
    """A month of the example, each flight so many times; copies differ in their flight number, and so in their key."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(EXAMPLE / "coming" / f"2013-{month:02}.parquet").slice(0, most_rows)
    random = np.random.default_rng(month)
    tables = [table]
    for copy in range(1, copies):
        changed = table
        for name, shift in [
            ("flight", 10_000 * copy),
            *(
                (name, random.integers(-9, 10, table.num_rows))
                for name in ("sched_dep_time", "sched_arr_time", "dep_delay")
            ),
        ]:
            place, field = table.column_names.index(name), table.field(name)
            shifted = pc.add(table[name], pa.array(shift) if isinstance(shift, np.ndarray) else shift)
            changed = changed.set_column(place, field, shifted.cast(field.type))
        tables.append(changed)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.concat_tables(tables), folder / f"2013-{month:02}.parquet")


def run(project: Path, bytecode: Path) -> Timed:
    """`headrace run` in the project."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HEADRACE_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "headrace.cli", "run", "flights.py", "-o", "json"],
        cwd=project,
        env={**environment, "PYTHONPYCACHEPREFIX": str(bytecode)},
        capture_output=True,
        text=True,
    )
    seconds = time.perf_counter() - started
    if not done.stdout:
        raise SystemExit(done.stderr)
    plain = json.loads(done.stdout)
    if not any(step["step"] == "evaluate" and step["state"] == "succeeded" for step in plain["steps"]):
        raise SystemExit(done.stderr)
    return Timed(seconds, plain)


def measure(what: str, folder: Path, *, copies: int, months: int, most_rows: int | None, runs: int) -> None:
    """Time both and print them."""
    project, bytecode = folder / "project", folder / "bytecode"
    project.mkdir()
    for name in ("flights.py", "headrace.toml"):
        shutil.copy(EXAMPLE / name, project)
    pipeline = (project / "flights.py").read_text().replace('spans="last 6"', f'spans="last {months}"')
    if copies > 1 or most_rows is not None:
        pipeline = pipeline.replace(", previous=hr.previous(raw)", "")
    (project / "flights.py").write_text(pipeline)
    data = project / "data" / "flights"
    for month in range(1, months + 1):
        write_month(month, data, copies=copies, most_rows=most_rows)
        if month >= months - 1:  # the last two one by one, so that one month was already compared with those before
            run(project, bytecode)
    write_month(months + 1, data, copies=copies, most_rows=most_rows)
    found: dict[str, list[Timed]] = {"known": [], SAME: [], EMPTY: []}
    for number in range(runs):
        for mode in found:
            copy = folder / f"{number}"
            shutil.copytree(project, copy, ignore=shutil.ignore_patterns(".headrace") if mode == EMPTY else None)
            if mode == SAME:
                forget(copy / ".headrace")
            found[mode].append(run(copy, bytecode))
            shutil.rmtree(copy)
        known, same = found["known"][-1].plain, found[SAME][-1].plain
        if sum(is_cached(step) for step in known["steps"]) != months - 1:
            raise SystemExit("headrace's source changed while this ran, so nothing was known: run it again")
        if known["outputs"] != same["outputs"]:
            raise SystemExit(f"kept states changed an answer: {known['outputs']} {same['outputs']}")
    shutil.rmtree(project)
    steps = {step["step"]: step for step in found["known"][-1].plain["steps"]}
    by_step = ", ".join(
        f"{name} {step['rows_read']:,}" for name, step in steps.items() if step["rows_read"] and name not in FITS
    )
    read = f"rows read {found['known'][-1].rows('rows_read'):,} ({by_step})"
    for peer in (SAME, EMPTY):
        ours, theirs = (sorted(one.without(*FITS) for one in found[mode])[runs // 2] for mode in ("known", peer))
        share = f"{ours / theirs:.2f}x the time (floor {FLOOR}, aim {AIM}); "
        line(
            "increment",
            what,
            "s",
            ours,
            peer,
            theirs,
            note=f"{share}{read}, {found[peer][-1].rows('rows_read'):,} there",
        )
    for name, step in steps.items():
        anew = {one["step"]: one["seconds"] for one in found[SAME][-1].plain["steps"]}.get(name)
        if step["seconds"] and anew is not None and name not in FITS:
            line("increment", f"{what}: {name}", "s", step["seconds"], SAME, anew)


def forget(home: Path) -> None:
    """Take what is kept out of a store: states and cached steps; runs, artifacts and endpoints stay."""
    shutil.rmtree(home / "states")
    with contextlib.closing(sqlite3.connect(home / "metadata.db")) as connection, connection:
        connection.execute("DELETE FROM cache")


def is_cached(step: dict[str, Any]) -> bool:
    """Whether it is a month's own step, taken from the store."""
    return step["step"].startswith("ingest[") and step["state"] == "cached"


def main() -> None:
    """The example's months, and months ten times as large."""
    arguments = options(__doc__)
    sys.path.insert(0, str(EXAMPLE))
    from prepare import prepare

    prepare()
    sizes = [("flights", 1, None), ("flights x 10", 10, None)]
    if arguments.tiny:
        sizes = [("flights, 2 months of 2,000 rows", 1, 2000)]
    for what, copies, most_rows in sizes:
        folder = Path(tempfile.mkdtemp(prefix="headrace-increment-"))
        try:
            months, runs = (2, 1) if arguments.tiny else (6, RUNS)
            measure(what, folder, copies=copies, months=months, most_rows=most_rows, runs=runs)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""Row `increment`: month 7 of a rolling window of six, after months 1 to 6, against all of it from an empty store.

The flights example as it is, run by `headrace run` in a folder of its own, start of the command included and the train
step taken out of both times. What every other tool does is the peer: all of it again. The two do not do the same:
only month 7 after month 6 has something to compare with, so it looks for drift (in `validate`) and asks the champion
(in `evaluate`); a second line leaves `validate` out of both.

The same for months ten times as large, because at the example's own size a month is 29,425 rows, and starting ten
processes costs more than reading them. Each flight is there ten times, at slightly other times and under other
numbers; copies are no sample that drift could be judged on, so there the pipeline names no previous data set.
Bytecode is compiled before anything is timed, as an installed package has it.
"""

from __future__ import annotations

import json
import os
import shutil
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
FLOOR, AIM = 0.5, 0.35  # of the time from scratch


@dataclass(frozen=True)
class Timed:
    """One run: the seconds of the command, and what it printed."""

    seconds: float
    plain: dict[str, Any]

    def without(self, *names: str) -> float:
        """The seconds of the command less those of some steps."""
        return self.seconds - sum(step["seconds"] for step in self.plain["steps"] if step["step"] in names)

    def rows(self, name: str) -> int:
        """`rows_read` or `rows_reused` of all steps but train."""
        return sum(step[name] for step in self.plain["steps"] if step["step"] != "train")


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
    run(project, bytecode)
    write_month(months + 1, data, copies=copies, most_rows=most_rows)
    known, anew = [], []
    for number in range(runs):
        for found, is_known in ((known, True), (anew, False)):
            copy = folder / f"{number}-{is_known}"
            shutil.copytree(project, copy, ignore=None if is_known else shutil.ignore_patterns(".headrace"))
            found.append(run(copy, bytecode))
            shutil.rmtree(copy)
        cached = sum(
            step["step"].startswith("ingest[") and step["state"] == "cached" for step in known[-1].plain["steps"]
        )
        if cached != months - 1:
            raise SystemExit("headrace's source changed while this ran, so nothing was known: run it again")
    shutil.rmtree(project)
    steps = {step["step"]: step for step in known[-1].plain["steps"]}
    by_step = ", ".join(
        f"{name} {step['rows_read']:,}" for name, step in steps.items() if step["rows_read"] and name != "train"
    )
    note = (
        f"rows read {known[-1].rows('rows_read'):,} ({by_step}), reused {known[-1].rows('rows_reused'):,}; "
        f"from scratch {anew[-1].rows('rows_read'):,} read"
    )
    for but, names in (("train", ["train"]), ("train and validate", ["train", "validate"])):
        ours, theirs = (sorted(one.without(*names) for one in found)[runs // 2] for found in (known, anew))
        share = f"{ours / theirs:.2f}x the time (floor {FLOOR}, aim {AIM}); "
        line("increment", f"{what}, without {but}", "s", ours, "from scratch", theirs, note=share + note)
    for name, step in steps.items():
        scratch = {one["step"]: one["seconds"] for one in anew[-1].plain["steps"]}.get(name)
        if step["seconds"] and scratch is not None and name != "train":
            line("increment", f"{what}: {name}", "s", step["seconds"], "from scratch", scratch)


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

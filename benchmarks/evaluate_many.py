"""Case `evaluate_many`: five metrics with intervals on 10,000 slices of 10 million rows, and the memory it takes.

Each size is evaluated in a process of its own, which prints its time and by how much its resident memory rose above
that of the table: at 1, 3 and 10 million rows, with the setting `memory_mb` at 64. From them follows what a row takes:
rows beyond a quarter of `memory_mb` lie on disk, so nothing. `--tiny` takes 20,000 rows and 100 slices.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from _lines import line, options

CASE = "evaluate_many"
MEMORY_MB = 64
METRICS = ["log_loss", "brier", "accuracy", "precision", "recall"]

CHILD = """
import json, resource, sys, time
import numpy as np, pyarrow as pa
from headrace.evaluation import evaluate_predictions

num_rows, num_slices, metrics = json.loads(sys.argv[1])
generator = np.random.default_rng(0)
label = generator.random(num_rows) < 0.24
score = (1.0 / (1.0 + np.exp(-(2.5 * label - 2.2 + 1.7 * generator.standard_normal(num_rows))))).astype(np.float32)
place = generator.integers(0, num_slices, num_rows).astype(np.int32)
table = pa.table({"y": label, "p": score, "place": place})
warm = table.slice(0, 1000)
evaluate_predictions(warm, label="y", prediction="p", metrics=metrics, slices=["place"])
del label, score, place
with open("/proc/self/clear_refs", "w") as file:  # the peak begins anew
    file.write("5")


def resident(name):
    with open("/proc/self/status") as file:
        return next(int(row.split()[1]) * 1024 for row in file if row.startswith(name))


before = resident("VmRSS")
start = time.perf_counter()
found = evaluate_predictions(table, label="y", prediction="p", metrics=metrics, slices=["place"])
took = time.perf_counter() - start
print(json.dumps([took, resident("VmHWM") - before, before, found.num_slices]))
"""


def ours(num_rows: int, num_slices: int, metrics: list[str]) -> tuple[float, float, float, int]:
    """(seconds, bytes above the table's process, bytes of that, slices)."""
    asked = json.dumps([num_rows, num_slices, metrics])
    environment = {**os.environ, "HEADRACE_MEMORY_MB": str(MEMORY_MB)}
    command = [sys.executable, "-c", CHILD, asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    took, more, before, found = json.loads(done.stdout)
    return float(took), float(more), float(before), int(found)


def main() -> None:
    """A line a size, and one for the memory that a row takes."""
    given = options(__doc__.splitlines()[0])
    if not Path("/proc/self/clear_refs").exists():
        print(f"{CASE}: the peak of memory is read from Linux's /proc", file=sys.stderr)
        return
    num_slices = 100 if given.tiny else 10_000
    sizes = (20_000,) if given.tiny else (1_000_000, 3_000_000, 10_000_000)
    seen: dict[int, Any] = {}
    for size in sizes:
        took, more, before, found = seen[size] = ours(size, num_slices, METRICS)
        note = (
            f"{found} slices, intervals included; {more / 2**20:.0f} MiB beside {before / 2**20:.0f} MiB of the table"
        )
        line(CASE, f"5 metrics, {size:,} rows", "s", took, "none", None, note=note)
    if len(sizes) > 1:
        first, last = seen[sizes[0]][1], seen[sizes[-1]][1]
        each = (last - first) / (sizes[-1] - sizes[0])
        fixed = first - each * sizes[0]
        note = f"and {fixed / 2**20:.0f} MiB whatever the rows; memory_mb = {MEMORY_MB}"
        line(CASE, "memory a row", "bytes", max(each, 0.0), "none", None, note=note)
        what = f"memory at {sizes[-1] // sizes[0]} times the rows, in memories of {sizes[0]:,}"
        line(CASE, what, "times", last / first, "none", None, note="1 = bounded by the setting")


if __name__ == "__main__":
    main()

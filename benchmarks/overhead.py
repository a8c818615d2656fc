"""Row `overhead`: what a step costs that does nothing: in a process of its own, in this one, taken from the store.

A step's cost is the slope: a chain of 41 no-op steps less one of 1, over 40. What starting costs (planning, opening
the store, the zygote) is the chain of 1, printed apart. The DAG is ten layers of ten steps, each taking two of the
layer before, run with `headrace run` from an empty store. All commits are durable (fsync), as in every run.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _lines import line, options

CHAIN = 40
REPORTED = {"kfp.local (reported)": 100.0, "Metaflow (reported)": 300.0, "Airflow (reported)": 1200.0}
PIPELINES = """
import headrace as hr

@hr.step
def noop(x, y=0) -> int:
    return 0

@hr.pipeline
def chain(length: int, start: int):
    x = start
    for index in range(length):
        x = noop(x, [index, start])

@hr.pipeline
def layers(width: int, depth: int):
    before = list(range(width))
    for layer in range(depth):
        before = [noop(before[i], [before[i - 1], layer, i]) for i in range(width)]
"""


def timed_ms(work: Callable[[], Any]) -> float:
    """The wall time of one call, in milliseconds; what it tells is thrown away."""
    start = time.perf_counter()
    with contextlib.redirect_stderr(io.StringIO()):
        result = work()
    elapsed = time.perf_counter() - start
    assert result.ok
    return elapsed * 1e3


def slopes(pipeline: Any, length: int, runs: int) -> dict[str, tuple[float, float]]:
    """(cost of a step, cost of starting) in milliseconds for each way to run a no-op step."""
    from headrace.orchestration.runner import run_pipeline

    def slope(long: int, short: int, *, in_process: bool = False) -> tuple[float, float]:
        def run(start: int, steps: int) -> float:
            return timed_ms(lambda: run_pipeline(pipeline, {"start": start, "length": steps}, in_process=in_process))

        whole, one = run(long, length + 1), run(short, 1)
        return (whole - one) / length, one

    found: dict[str, list[tuple[float, float]]] = {"isolated": [], "in process": [], "cached": []}
    for number in range(runs):
        first = 4 * number  # chains that start elsewhere share no step
        found["isolated"].append(slope(first, first + 1))
        found["in process"].append(slope(first + 2, first + 3, in_process=True))
        found["cached"].append(slope(first, first))
    return {
        way: (median([item[0] for item in items]), median([item[1] for item in items])) for way, items in found.items()
    }


def command_s(folder: Path, width: int) -> tuple[float, float]:
    """(wall, processor) seconds of `headrace run` of the layers; on a busy machine the second says more."""
    start, before = time.perf_counter(), os.times()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "headrace.cli",
            "run",
            "noops.py:layers",
            "--set",
            f"width={width}",
            "--set",
            "depth=10",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - start, used


def median(values: list[float]) -> float:
    """The middle one, of an odd number."""
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__)
    length, runs, width = (4, 1, 1) if arguments.tiny else (CHAIN, 3, 10)
    folder = Path(tempfile.mkdtemp(prefix="headrace-overhead-"))
    os.environ.pop("HEADRACE_HOME", None)
    try:
        (folder / "headrace.toml").write_text("")
        (folder / "noops.py").write_text(PIPELINES)
        from headrace.orchestration import load_pipeline

        found = slopes(load_pipeline(folder / "noops.py", "chain"), length, runs)
        for way, floor, aim in (("isolated", 100, 50), ("in process", 20, 5), ("cached", 20, 10)):
            step, start = found[way]
            line("overhead", f"no-op step, {way}", "ms", step, "floor", floor, note=f"aim {aim}; durable commits")
            line("overhead", f"run of one no-op step, {way}", "ms", start, "none", None, note="with planning and start")
        if not arguments.no_peers:
            for peer, value in REPORTED.items():
                line("overhead", "no-op step, isolated", "ms", found["isolated"][0], peer, value)
        shutil.rmtree(folder / ".headrace")
        for what in ("DAG", "DAG, cached"):
            wall, used = command_s(folder, width)
            note = f"processor time of all its processes {used:.2f} s"
            line("overhead", f"{width * 10}-step {what}, as a command", "s", wall, "aim", 3.0, note=note)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

"""What every benchmark prints: one JSON line a comparison, and how it is timed."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache" / "bench"

# Benchmarks are called after their case, and a folder with a `statistics.py` on the path would hide the standard
# library's from everyone; `_lines` is all that they import from here.
sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != Path(__file__).parent]


def machine() -> str:
    """Processor, usable cores and Python: enough to know what a figure means."""
    model = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else ():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def line(
    case: str,
    what: str,
    unit: str,
    ours: float,
    peer: str,
    peer_value: float | None,
    *,
    higher: bool = False,
    note: str = "",
) -> None:
    """Print one comparison; ratio above 1 means headrace is better.

    `peer` is what it is compared with: another tool, or a limit. `higher` says that more is better (a rate).
    """
    ratio = None
    if peer_value is not None and ours and peer_value:
        ratio = round(ours / peer_value if higher else peer_value / ours, 3)
    record = {
        "case": case,
        "what": what,
        "unit": unit,
        "ours": float(f"{ours:.5g}"),
        "peer": peer,
        "peer_value": None if peer_value is None else float(f"{peer_value:.5g}"),
        "ratio": ratio,
        "note": note,
        "machine": machine(),
    }
    print(json.dumps(record), flush=True)


def median_s(work: Callable[[], object], *, runs: int = 5, warm: int = 1) -> float:
    """The median time of `runs` calls, in seconds, after `warm` that do not count."""
    times = []
    for number in range(warm + runs):
        start = time.perf_counter()
        work()
        if number >= warm:
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def options(description: str | None) -> argparse.Namespace:
    """The arguments all benchmarks take."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tiny", action="store_true", help="a small input: does it still run?")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    return parser.parse_args()

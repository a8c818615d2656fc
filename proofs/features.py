"""Proof `features`: random feature functions with every op, over random tables, have the same bytes on every road.

Each function is fitted on up to 40 rows, nulls everywhere, extremes among them; 104 rows are then materialised at once,
and served by Arrow, JSON, Python rows and tensors, 1, 2, 3, 7, 31 and 100 at a time. A second process fits the same
functions to the same rows: graph and features have the same sha256.

One JSON line sums up; a difference is told with its seed, and headrace.testing.random_features.check(seed) shows it.

    python proofs/features.py [--share 50] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter

NUM_FUNCTIONS = 2000


def checked(seeds: range) -> dict[str, str]:
    """Seed -> sha256, or what differed."""
    from headrace.testing.random_features import check

    found = {}
    for seed in seeds:
        try:
            found[str(seed)] = check(seed)
        except AssertionError as error:
            found[str(seed)] = f"differs: {error}"
    return found


def main() -> None:
    """Check all seeds here and in another process, and sum up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=int, default=1, help="do 1/N of all counts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + NUM_FUNCTIONS // arguments.share)
    if arguments.child is not None:
        print(json.dumps(checked(range(arguments.seed, arguments.seed + arguments.child))))
        return
    started = time.monotonic()
    command = [sys.executable, __file__, "--seed", str(arguments.seed), "--child", str(len(seeds))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        here = checked(seeds)
        there = json.loads(other.communicate()[0])
    outcomes = Counter(
        "differs" if found.startswith("differs") else "equal" if there[seed] == found else "differs by process"
        for seed, found in here.items()
    )
    for seed, found in here.items():
        if found.startswith("differs") or there[seed] != found:
            print(json.dumps({"seed": int(seed), "here": found, "there": there[seed]}), flush=True)
    summary = {"case": "features", "functions": len(here), "outcomes": dict(outcomes), "share": arguments.share}
    print(json.dumps({**summary, "seconds": round(time.monotonic() - started)}), flush=True)
    if outcomes["equal"] != len(here):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""Runs one proof by name, or `all`; without a name it lists what there is. Arguments after the name are passed on.

`all --jobs 2` runs two at a time, each one's output together when it has ended: most of them wait for processes that
they kill. Those that judge how soon something happens run alone, after the others.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
ALONE = ("alerts", "bandit", "loads", "overload", "swap", "worker_kill")


def run(file: Path, arguments: Sequence[str], *, is_held: bool) -> bool:
    """Run one in a process of its own; its output as it comes, or held until it has ended. Whether all was well."""
    start = time.monotonic()
    held = subprocess.PIPE if is_held else None
    if not is_held:
        print(f"# {file.stem}", file=sys.stderr, flush=True)
    done = subprocess.run(
        [sys.executable, str(file), *arguments], stdout=held, stderr=subprocess.STDOUT if is_held else None, text=True
    )
    text = f"# {file.stem}\n{done.stdout}" if is_held else ""
    print(f"{text}# {file.stem}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return done.returncode == 0


def main() -> None:
    """Find the case's file and run it."""
    cases = {file.stem: file for file in sorted(HERE.glob("*.py")) if file.stem != "run" and file.stem[0] != "_"}
    if len(sys.argv) < 2:
        print("cases: " + ", ".join(cases))
        return
    name, arguments, jobs = sys.argv[1], sys.argv[2:], 1
    if "--jobs" in arguments:
        place = arguments.index("--jobs")
        jobs = int(arguments[place + 1])
        del arguments[place : place + 2]
    if name != "all" and name not in cases:
        raise SystemExit(f"no case named {name!r}; there are: {', '.join(cases)}")
    chosen = list(cases) if name == "all" else [name]
    together = [case for case in chosen if case not in ALONE] if jobs > 1 else []
    with ThreadPoolExecutor(jobs) as pool:
        went = list(pool.map(lambda case: run(cases[case], arguments, is_held=True), together))
    failed = [case for case, is_well in zip(together, went, strict=True) if not is_well]
    failed += [case for case in chosen if case not in together and not run(cases[case], arguments, is_held=False)]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

"""Runs one benchmark by name, or `all`; without a name it lists them. Arguments after the name are passed on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    """Find the case's file and run it in a process of its own."""
    cases = {file.stem: file for file in sorted(HERE.glob("*.py")) if file.stem != "run" and file.stem[0] != "_"}
    if len(sys.argv) < 2:
        print("cases: " + ", ".join(cases))
        return
    name, arguments = sys.argv[1].replace("-", "_"), sys.argv[2:]
    if name != "all" and name not in cases:
        raise SystemExit(f"no case named {name!r}; there are: {', '.join(cases)}")
    failed = []
    for case, file in cases.items():
        if name in ("all", case):
            print(f"# {case}", file=sys.stderr, flush=True)
            if subprocess.run([sys.executable, str(file), *arguments]).returncode:
                failed.append(case)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()

"""`make check`: lint, format, file sizes, stub, floors, types and the fast tests; stops at the first that fails."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
LONGEST = 500  # lines; one idea a file
FAST = "not slow and not beam and not bigquery and not torch"


def long_files() -> list[str]:
    """Python files of ours with more lines than one idea needs."""
    found = []
    for folder in ("src", "tests", "tools", "benchmarks", "proofs", "examples"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            count = len(file.read_text(encoding="utf-8").splitlines())
            if count > LONGEST:
                found.append(f"{file.relative_to(ROOT)}: {count} lines, {LONGEST} at most")
    return found


def run(name: str, *command: str) -> None:
    """Run one check and stop everything when it fails."""
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    took = time.monotonic() - start
    print(f"{'ok ' if done.returncode == 0 else 'NOT OK'} {name} ({took:.1f} s)", flush=True)
    if done.returncode:
        # pytest says last what failed; third parties write to stderr as they end.
        print(done.stderr + done.stdout)
        raise SystemExit(1)


def main() -> None:
    """Run all checks in the order of what they cost."""
    run("ruff", str(BIN / "ruff"), "check", ".")
    run("format", str(BIN / "ruff"), "format", "--check", ".")
    found = long_files()
    if found:
        raise SystemExit("\n".join(found))
    run("stub", sys.executable, "tools/stub.py", "--check")
    run("floors", str(BIN / "lint-imports"), "--no-cache")
    run("types", str(BIN / "mypy"))
    for name in ("flights", "texts", "digits"):
        run(f"types of the example {name}", str(BIN / "mypy"), f"examples/{name}/{name}.py")
    if "--static" not in sys.argv:
        run("fast tests", sys.executable, "-m", "pytest", "-n", "2", "-m", FAST)


if __name__ == "__main__":
    main()

"""Row `start`: how long a person waits before anything happens: `import headrace`, `headrace --help`.

Limit: bare Python doing nothing. Floors and aims are those of the table of figures.
"""

from __future__ import annotations

import subprocess
import sys
import time

from _lines import line, options

IMPORT = "import time; start = time.perf_counter(); import headrace; print(time.perf_counter() - start)"
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "headrace --help": [sys.executable, "-m", "headrace.cli", "--help"],
    "headrace run --help": [sys.executable, "-m", "headrace.cli", "run", "--help"],
    "headrace --version": [sys.executable, "-m", "headrace.cli", "--version"],
}


def wall_ms(command: list[str], runs: int) -> list[float]:
    """The wall times of a command, in milliseconds."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - start)
    return [took * 1e3 for took in times[1:]]


def median(values: list[float]) -> float:
    """The middle one, of an odd number."""
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__)
    runs = 3 if arguments.tiny else 15
    imports = [
        float(subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True, text=True).stdout)
        for _ in range(runs + 1)
    ]
    least = min(imports) * 1e3  # what the command takes where nothing else runs
    line("start", "import headrace", "ms", median(imports[1:]) * 1e3, "floor", 100.0, note=f"aim 60; least {least:.1f}")
    found = {name: wall_ms(command, runs) for name, command in COMMANDS.items()}
    bare = median(found.pop("python -c pass"))
    for name, times in found.items():
        line("start", name, "ms", median(times), "bare Python (limit)", bare)
        line("start", name, "ms", median(times), "floor", 250.0, note=f"aim 150; least {min(times):.1f}")


if __name__ == "__main__":
    main()

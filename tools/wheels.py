"""Whether every pinned third party of the demo has a wheel for each platform and Python that headrace promises.

Nothing is built or installed: the index's own lists are asked, one resolution a platform and Python, without building
from source. A package whose wheels stop at another system version or Python fails it by name. It asks the network,
and so is no part of `make test`; docs/install.md holds what it said last.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PINNED = ROOT / "requirements" / "core.txt"
PYTHONS = ("3.11", "3.12", "3.13")
# Name -> uv's name of the platform. ONNX Runtime's wheels set both system versions.
PLATFORMS = {
    "Linux x86-64 (glibc 2.28)": "x86_64-manylinux_2_28",
    "Linux arm64 (glibc 2.28)": "aarch64-manylinux_2_28",
    "macOS 14 arm64": "aarch64-apple-darwin",
}


def resolve(platform: str, python: str) -> tuple[int, str]:
    """(wheels found, what is missing): the pinned packages on one platform and Python, wheels alone."""
    command = [str(Path(sys.executable).parent / "uv"), "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--no-deps", "--only-binary", ":all:", "--python-platform", platform, "--python-version", python]
    environment = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    done = subprocess.run([*command, str(PINNED)], capture_output=True, text=True, env=environment)
    found = [row for row in done.stdout.splitlines() if "==" in row]
    return len(found), done.stderr.strip() if done.returncode else ""


def main() -> None:
    """Ask for each, and print a table; exit code 1 when a wheel is missing."""
    failed = False
    print("| platform | " + " | ".join(f"Python {python}" for python in PYTHONS) + " |")
    print("|---|" + "---|" * len(PYTHONS))
    for name, platform in PLATFORMS.items():
        cells = []
        for python in PYTHONS:
            count, missing = resolve(platform, python)
            failed = failed or bool(missing)
            cells.append("missing" if missing else f"{count} of {count}")
            if missing:
                print(f"{name}, Python {python}: {missing}", file=sys.stderr)
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if failed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()

"""Row `demo`: `make demo` after its set-up, from nothing and again, in seconds.

Nobody else offers this run, so it is held against the floor and the aim of the table of figures.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _lines import line, options

EXAMPLE = Path(__file__).parent.parent / "examples" / "flights"


def main() -> None:
    """Run the demo twice in a copy of its folder that has no data and no store."""
    arguments = options(__doc__)
    if arguments.tiny:
        return  # `make test` runs the demo itself, twice
    folder = Path(tempfile.mkdtemp(prefix="headrace-demo-")) / "flights"
    try:
        shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(".headrace", "data", "coming", "__pycache__"))
        for what, floor, aim in (("first run", 300.0, 120.0), ("second run", 30.0, 10.0)):
            done = subprocess.run(
                [sys.executable, str(folder / "demo.py")], stdout=subprocess.PIPE, text=True, check=True
            )
            seconds = json.loads(done.stdout.splitlines()[-1])["seconds"]
            line("demo", what, "s", seconds, "floor of the table", floor)
            line("demo", what, "s", seconds, "aim of the table", aim)
    finally:
        shutil.rmtree(folder.parent)


if __name__ == "__main__":
    main()

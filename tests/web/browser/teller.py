"""Starts `headrace up` in a project, and has the story told to it by a browser in its own environment."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent.parent
PYTHON = ROOT / ".venvs" / "browser" / "bin" / "python"
BROKEN = """import headrace as hr


@hr.step
def count(rows: int) -> int:
    print("about to divide")
    return rows // PARTS


@hr.pipeline
def counting(rows: int = 12):
    count(rows)
"""
MISTAKE, MENDED = ("PARTS", "0"), ("PARTS", "4")


def find_chromium():
    """Where Debian's chromium is; None where it is not."""
    return os.environ.get("HEADRACE_CHROMIUM") or shutil.which("chromium")


@contextmanager
def up(project):
    """`headrace up` in a project, with a crew and the pages at any free port; yields their address."""
    messages = project / "up.txt"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    with messages.open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace.cli", "up"],
            cwd=project,
            env={**environment, "HEADRACE_WEB_PORT": "0"},
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"pages at (\S+)", messages.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, messages.read_text()
            time.sleep(0.05)
        yield found[1]
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tell(project, base, beside, **told):
    """Have the story told; `beside` is a folder for the files that are uploaded. Returns what was seen."""
    for folder, (word, value) in (("broken", MISTAKE), ("fixed", MENDED)):
        file = beside / folder / "counting.py"
        file.parent.mkdir()
        file.write_text(BROKEN.replace(word, value))
    told |= {
        "base": base,
        "chromium": find_chromium(),
        "broken": str(beside / "broken" / "counting.py"),
        "fixed": str(beside / "fixed" / "counting.py"),
        "broken_pipeline": "counting",
        "broken_step": "count",
        "broken_says": "ZeroDivisionError",
    }
    done = subprocess.run(
        [str(PYTHON), str(Path(__file__).parent / "story.py"), json.dumps(told)],
        capture_output=True,
        text=True,
        timeout=2400,
    )
    assert done.returncode == 0, f"{done.stderr[-6000:]}\n{(project / 'up.txt').read_text()[-2000:]}"
    return json.loads(done.stdout)

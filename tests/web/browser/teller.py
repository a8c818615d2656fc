"""Starts `headrace up` in a project, and has the story told to it by a browser in its own environment."""

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
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
ALERTS = '[[alerts]]\nrules = ["refused_share <= 0.02 with 20 rows"]\nwindow_s = 5\n'
# The pipeline's last line, and what it becomes: from the second month on a person is asked.
PUSH = 'hr.push(model, verdict, endpoint="late")'
QUESTION = "May this model serve customers?"
ASKING = f'hr.push(model, hr.approval(verdict, question="{QUESTION}", evidence=[report]), endpoint="late")'
MISTAKE, MENDED = ("PARTS", "0"), ("PARTS", "4")


def find_chromium():
    """Where Debian's chromium is; None where it is not."""
    return os.environ.get("HEADRACE_CHROMIUM") or shutil.which("chromium")


class Customers:
    """Asks what is served, again and again, and tells what it was worth: of version 1 a fifth, of later ones more."""

    def __init__(self, url, endpoint, rows):
        self.url, self.endpoint, self.rows, self.num_told = url, endpoint, rows, 0
        self._is_over, self._chance = threading.Event(), random.Random(5)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join(30)

    def _ask(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data), timeout=10) as answer:
            return answer.headers, json.loads(answer.read())

    def _run(self):
        wanted = None
        while not self._is_over.wait(0.02):
            try:
                if wanted is None:  # the model reads some of the columns
                    found = self._ask(f"/v1/models/{self.endpoint}/metadata")[1]
                    wanted = [one["name"] for one in found["columns"]]
                row = {name: self._chance.choice(self.rows)[name] for name in wanted}
                headers, _ = self._ask(f"/v1/models/{self.endpoint}:predict", {"instances": [row]})
                earned = self._chance.random() < (0.2 if headers["headrace-version"] == "1" else 0.7)
                self._ask("/rewards", {"request_id": headers["headrace-request-id"], "reward": float(earned)})
                self.num_told += 1
            except (OSError, KeyError):  # nothing is served yet, or another version just now
                self._is_over.wait(0.2)


def plain_rows(table, most=50):
    """Rows of an Arrow table as a client sends them."""
    rows = table.slice(0, most).to_pylist()
    return [{name: one.isoformat() if hasattr(one, "isoformat") else one for name, one in row.items()} for row in rows]


def free_port():
    """One that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@contextmanager
def up(project):
    """`headrace up --serve` in a project, with a crew and the pages at any free port; yields the addresses of both."""
    messages, port = project / "up.txt", free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    with messages.open("w") as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "headrace.cli", "up", "--serve"],
            cwd=project,
            env={**environment, "HEADRACE_WEB_PORT": "0", "HEADRACE_PORT": str(port), "HEADRACE_ALLOCATE_S": "0.5"},
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"pages at (\S+)", messages.read_text())):
            assert process.poll() is None and time.monotonic() < deadline, messages.read_text()
            time.sleep(0.05)
        yield found[1], f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tell(project, addresses, beside, *, rows, **told):
    """Have the story told; `beside` is a folder for the files that are uploaded, `rows` are what customers ask.

    Returns what was seen.
    """
    for folder, (word, value) in (("broken", MISTAKE), ("fixed", MENDED)):
        file = beside / folder / "counting.py"
        file.parent.mkdir()
        file.write_text(BROKEN.replace(word, value))
    source = Path(told["file"]).read_text()
    assert PUSH in source, f"{told['file']} pushes otherwise"
    asking = beside / "asking" / Path(told["file"]).name
    asking.parent.mkdir()
    asking.write_text(source.replace(PUSH, ASKING))
    told |= {
        "asking": str(asking),
        "question": QUESTION,
        "base": addresses[0],
        "serving": addresses[1],
        "chromium": find_chromium(),
        "broken": str(beside / "broken" / "counting.py"),
        "fixed": str(beside / "fixed" / "counting.py"),
        "broken_pipeline": "counting",
        "broken_step": "count",
        "broken_says": "ZeroDivisionError",
    }
    with Customers(addresses[1], told["endpoint"], rows) as customers:
        done = subprocess.run(
            [str(PYTHON), str(Path(__file__).parent / "story.py"), json.dumps(told)],
            capture_output=True,
            text=True,
            timeout=2400,
        )
    assert done.returncode == 0, f"{done.stderr[-6000:]}\n{(project / 'up.txt').read_text()[-2000:]}"
    return {**json.loads(done.stdout), "rewards_told": customers.num_told}

"""`make test`: everything that must hold, as CI runs it; each stage says what it is and how long it took.

The environments of heavy third parties are made while the static checks run: one waits for the net, the other computes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Where proofs run two at a time none may install anything; what comes first here is needed first.
ENVIRONMENTS = (
    "docs",
    "browser",
    "inference-clients",
    "serve-peers-mlserver",
    "bigquery",
    "local-bigquery",
    "bandit",
    "schemathesis",
    "tfdv",
    "tft",
    "beam",
    "torch",
    "tensorflow",
    "kubeflow",
    "airflow",
)


def run(name: str, *command: str, capture: bool = False) -> str:
    """Run one stage; a failure ends the whole run."""
    print(f"== {name}: {' '.join(command)}", flush=True)
    start = time.monotonic()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE if capture else None)
    if capture:
        print(done.stdout, end="", flush=True)
    print(f"== {name}: {time.monotonic() - start:.0f} s", flush=True)
    if done.returncode:
        print(f"{name} failed with exit code {done.returncode}", flush=True)
        raise SystemExit(1)
    return done.stdout or ""


def environment(name: str) -> None:
    """Make a virtual environment that others need."""
    start = time.monotonic()
    subprocess.run(["sh", "tools/environment.sh", name], cwd=ROOT, check=True)
    print(f"== environment {name}: {time.monotonic() - start:.0f} s", flush=True)


def demo(name: str) -> dict[str, object]:
    """Run the demo; its last line of standard output is one JSON object."""
    text = run(name, sys.executable, "examples/flights/demo.py", capture=True)
    return dict(json.loads(text.strip().splitlines()[-1]))


def main() -> None:
    """All stages, the quick ones first."""
    python = sys.executable
    with ThreadPoolExecutor(1) as aside:
        made = [aside.submit(environment, name) for name in ENVIRONMENTS]
        run("static checks", python, "tools/check.py", "--static")
        for one in made:
            one.result()
    run("documentation", python, "tools/docs.py", "--check")
    first = demo("demo, first")
    second = demo("demo, second")
    if first["skew_max_abs"] != 0 or second["skew_max_abs"] != 0:
        raise SystemExit(f"the served answers differ from the evaluated ones: {first} {second}")
    if first["digest"] != second["digest"] or second["cached"] != second["steps"]:
        raise SystemExit(f"the second run was not the first one again: {first} {second}")
    run("proofs at 1/50", python, "proofs/run.py", "all", "--share", "50", "--seed", "1", "--jobs", "2")
    run("tiny benchmarks", python, "benchmarks/run.py", "all", "--tiny", "--no-peers")
    run("all tests", python, "-m", "pytest", "-n", "3")  # many wait for processes
    run("tests with PyTorch", ".venvs/torch/bin/python", "-m", "pytest", "-n", "2", "tests/adapters/torch")
    run("the wheel on other Pythons", python, "tools/interpreters.py")


if __name__ == "__main__":
    main()

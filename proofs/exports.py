"""Proof: one pipeline, run by `headrace run`, by Airflow 3 and by Kubeflow's local runner, makes the same bytes.

Each of the three gets the project in a folder of its own, with an empty store. What is exported is carried out by the
real thing: `airflow dags test` in its own environment (and data base), and `kfp.local` in its. Afterwards
`headrace doctor --digest`, which names every step, what it resolved and the digest of each output, must be the same
text. With `--share` above 1 the pipeline is a small one of four steps; at full count it is the flights example.

    python proofs/exports.py [--share 50] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEADRACE = Path(sys.executable).parent / "headrace"
SMALL = '''\
"""Four steps, one of which is slow to say so."""

import headrace as hr


@hr.step
def make(n: int) -> list:
    return list(range(n))


@hr.step
def double(values: list) -> list:
    return [2 * value for value in values]


@hr.step
def total(values: list, more: list) -> int:
    return sum(values) + sum(more)


@hr.pipeline
def small(n: int = 4) -> None:
    made = make(n)
    total(double(made), made)
'''
LOCAL = """\
import sys
from kfp import components, local

local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[2], raise_on_error=True)
components.load_component_from_file(sys.argv[1])()
"""


def environment(name: str) -> Path:
    """The environment of a peer, made if need be: its folder of programs."""
    subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), name], check=True)
    return ROOT / ".venvs" / name / "bin"


def call(*command: object, folder: Path, path: Path | None = None, **variables: str) -> str:
    """Run a command in a folder; what it printed, or its end where it failed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
    if path is not None:
        clean["PATH"] = f"{path}:{clean['PATH']}"
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=folder, env={**clean, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise SystemExit(f"{words} ended with exit code {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def on_headrace(folder: Path, file: str) -> None:
    """As a person runs it."""
    call(HEADRACE, "run", file, folder=folder)


def on_airflow(folder: Path, file: str) -> None:
    """Exported, parsed and carried out by Airflow, in a data base of its own."""
    programs, home = environment("airflow"), folder / ".airflow"
    dags = folder / "dags"
    dags.mkdir()
    call(HEADRACE, "export", "airflow", file, "--to", dags / "exported.py", folder=folder)
    variables = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "HEADRACE_PROJECT": str(folder),
        "HEADRACE_COMMAND": str(HEADRACE),
    }
    call(programs / "airflow", "db", "migrate", folder=folder, path=programs, **variables)
    name = Path(file).stem
    call(programs / "airflow", "dags", "test", name, "2026-02-01", folder=folder, path=programs, **variables)


def on_kubeflow(folder: Path, file: str) -> None:
    """Exported and carried out by Kubeflow's local runner."""
    programs, exported, runner = environment("kubeflow"), folder / "exported.yaml", folder / ".local.py"
    options = ["--set", "image=python:3.11", "--set", "style=lightweight"]
    call(HEADRACE, "export", "kubeflow", file, "--to", exported, *options, folder=folder)
    runner.write_text(LOCAL)
    variables = {"HEADRACE_PROJECT": str(folder), "HEADRACE_COMMAND": str(HEADRACE)}
    call(
        programs / "python",
        "-W",
        "ignore",
        runner,
        exported,
        folder / ".kfp",
        folder=folder,
        path=programs,
        **variables,
    )


SYSTEMS: dict[str, Callable[[Path, str], None]] = {
    "headrace run": on_headrace,
    "Airflow": on_airflow,
    "Kubeflow": on_kubeflow,
}


def prepare(folder: Path, is_small: bool) -> str:
    """The project, without a store; returns the pipeline's file."""
    folder.mkdir()
    (folder / "headrace.toml").write_text('home = ".headrace"\n')
    if is_small:
        (folder / "small.py").write_text(SMALL)
        return "small.py"
    source, data = ROOT / "examples" / "flights", folder / "data" / "flights"
    data.mkdir(parents=True)
    shutil.copy(source / "flights.py", folder)
    for month in range(1, 7):
        shutil.copy(source / "coming" / f"2013-{month:02d}.parquet", data)
    return "flights.py"


def main() -> None:
    """All systems, each alone; then what they made, compared."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--share", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)  # nothing is drawn here
    share = parser.parse_args().share
    if share == 1:
        subprocess.run([sys.executable, str(ROOT / "examples" / "flights" / "prepare.py")], check=True)
    digests, seconds = {}, {}
    with tempfile.TemporaryDirectory(prefix="headrace-exports-") as place:
        for name, carry_out in SYSTEMS.items():
            folder = Path(place).resolve() / name.split()[-1].lower()
            file = prepare(folder, share > 1)
            begun = time.monotonic()
            carry_out(folder, file)
            seconds[name] = round(time.monotonic() - begun, 1)
            digests[name] = call(HEADRACE, "doctor", "--digest", folder=folder)
            state = json.loads(call(HEADRACE, "runs", "ls", "-o", "json", folder=folder))[0]["state"]
            if state != "succeeded" or '"outputs"' not in digests[name]:
                raise SystemExit(f"{name}: the run {state}\n{digests[name][:500]}")
    same = len(set(digests.values())) == 1
    print(json.dumps({"proof": "exports", "pipeline": file, "seconds": seconds, "same": same}), flush=True)
    if not same:
        raise SystemExit("they did not make the same")


if __name__ == "__main__":
    main()

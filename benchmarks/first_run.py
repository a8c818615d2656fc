"""Case `first-run`: from a CSV file to an answered prediction: seconds, lines a person types, and what is checked.

20,000 customers of whom some left, written from a seed. Beside each other: headrace (`init`, `run`, `serve`, `curl`),
the shortest honest scikit-learn + FastAPI (two scripts) and MLflow's recipe (one script, `mlflow models serve`); the
scripts are in `_first_run`. All three split, transform, fit trees of depth four, judge by the same two metrics, save,
and serve. A line is one a person types that is not blank: of a script, or a command. The seconds are those that
machines take; installing is apart, wheels in uv's cache.

What each checks is asked, not claimed: rows that are wrong are sent, and training is repeated with shuffled labels.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from _lines import line, options

HERE = Path(__file__).parent
ROOT = HERE.parent
SCRIPTS = HERE / "_first_run"
START_S = 120.0
GOOD = {"plan": "pro", "region": "north", "months": 3, "fee": 10.5, "calls": 1}
# what is wrong -> the row; all but the last must be refused
ROWS: dict[str, dict[str, Any]] = {
    "text in a number's column": {**GOOD, "months": "three"},
    "an unknown column": {**GOOD, "colour": "red"},
    "a missing column": {name: value for name, value in GOOD.items() if name != "months"},
    "a null where the data have none": {**GOOD, "months": None},
    "a null where the data have some": {**GOOD, "fee": None},
}


def write_csv(file: Path, *, rows: int, shuffled: bool) -> None:
    """The customers; shuffled: each with the label of another."""
    random = np.random.default_rng(7)
    months, calls = random.integers(1, 72, rows), random.poisson(1.5, rows)
    fee = random.gamma(4.0, 8.0, rows).round(2)
    plan, region = random.integers(0, 3, rows), random.integers(0, 4, rows)
    tends = -1.2 - 0.05 * months + 0.03 * fee + 0.6 * calls + 0.8 * (plan == 0)
    churned = (random.random(rows) < 1 / (1 + np.exp(-tends))).astype(int)
    has_fee = random.random(rows) > 0.05
    if shuffled:
        random.shuffle(churned)
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow([*GOOD, "churned"])
        for at in range(rows):
            plan_name, region_name = ("basic", "plus", "pro")[plan[at]], ("north", "south", "east", "west")[region[at]]
            shown = float(fee[at]) if has_fee[at] else ""
            writer.writerow([plan_name, region_name, months[at], shown, calls[at], churned[at]])


@dataclass(frozen=True)
class Way:
    """One way from the file to an answer.

    Parameters
    ----------
    name : str
        What it is called.
    scripts : tuple of str
        Those in `_first_run` that a person writes.
    prepare, train, serve : list of str
        The commands, in their order; `prepare` once only; PORT in `serve` is the port.
    path : str
        Where rows are posted.
    wrap : callable
        A row as the body says it.
    environment : dict of str to str
        Further variables.
    """

    name: str
    scripts: tuple[str, ...]
    prepare: list[str]
    train: list[str]
    serve: list[str]
    path: str
    wrap: Callable[[dict[str, Any]], Any]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def num_lines(self) -> int:
        """The lines a person types: of scripts, commands, and the request."""
        texts = [(SCRIPTS / name).read_text(encoding="utf-8").splitlines() for name in self.scripts]
        written = sum(1 for text in texts for row in text if row.strip())
        return written + sum(1 for command in (self.prepare, self.train, self.serve) if command) + 1

    def run(self, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run one command there."""
        return subprocess.run(
            command, cwd=folder, env={**os.environ, **self.environment}, capture_output=True, text=True
        )


def ways(folder: Path) -> list[Way]:
    """All three; the peers' interpreters are those of their environments."""
    headrace = [sys.executable, "-m", "headrace.cli"]
    fastapi, mlflow = (ROOT / ".venvs" / f"first-run-{name}" / "bin" for name in ("fastapi", "mlflow"))
    return [
        Way(
            "headrace",
            (),
            [*headrace, "init", "churn.csv", "--label", "churned"],
            [*headrace, "run", "churn.py"],
            [*headrace, "serve", "--port", "PORT", "--workers", "1"],
            "/v1/models/churn:predict",
            lambda row: {"instances": [row]},
            {"HEADRACE_HOME": str(folder / "headrace" / ".headrace")},
        ),
        Way(
            "scikit-learn + FastAPI",
            ("fastapi_train.py", "fastapi_serve.py"),
            [],
            [str(fastapi / "python"), "fastapi_train.py"],
            [str(fastapi / "uvicorn"), "fastapi_serve:app", "--port", "PORT"],
            "/predict",
            lambda row: [row],
        ),
        Way(
            "MLflow",
            ("mlflow_train.py",),
            [],
            [str(mlflow / "python"), "mlflow_train.py"],
            [
                str(mlflow / "mlflow"),
                *["models", "serve", "-m", "models:/churn/1", "--env-manager", "local", "-p", "PORT"],
            ],
            "/invocations",
            lambda row: {"dataframe_records": [row]},
            # Its server is started by name, as in an environment that is switched on.
            {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db", "PATH": f"{mlflow}{os.pathsep}{os.environ['PATH']}"},
        ),
    ]


def ask(url: str, body: Any) -> tuple[int, str]:
    """(status, the answer)."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def free_port() -> int:
    """A port nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Found:
    """What one way took and answered: seconds by stage, answers by row, and how training on shuffled labels ended."""

    seconds: dict[str, float]
    answers: dict[str, tuple[int, str]]
    shuffled_code: int
    shuffled_said: str


def measure(way: Way, folder: Path, rows: int) -> Found:
    """Go one way, in a folder of its own."""
    place = folder / way.name.split()[0]
    place.mkdir()
    (place / "headrace.toml").write_text("")
    write_csv(place / "churn.csv", rows=rows, shuffled=False)
    for script in way.scripts:
        shutil.copy(SCRIPTS / script, place)
    seconds: dict[str, float] = {}
    for stage, command in (("init", way.prepare), ("train", way.train)):
        if command:
            began = time.perf_counter()
            done = way.run(command, place)
            seconds[stage] = time.perf_counter() - began
            if done.returncode:
                raise SystemExit(f"{way.name}: {stage} failed\n{done.stdout}{done.stderr}")
    port = free_port()
    url = f"http://127.0.0.1:{port}{way.path}"
    command = [str(port) if part == "PORT" else part for part in way.serve]
    with (place / "server.log").open("w") as log:
        began = time.perf_counter()
        server = subprocess.Popen(
            command, cwd=place, env={**os.environ, **way.environment}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            while True:
                try:
                    status, text = ask(url, way.wrap(GOOD))
                    break
                except OSError:
                    if server.poll() is not None or time.perf_counter() - began > START_S:
                        raise SystemExit(f"{way.name}: no server\n{(place / 'server.log').read_text()}") from None
                    time.sleep(0.02)
            seconds["serve"] = time.perf_counter() - began
            if status != 200:
                raise SystemExit(f"{way.name}: the good row was answered {status}: {text}")
            answers = {what: ask(url, way.wrap(row)) for what, row in ROWS.items()}
        finally:
            server.terminate()
            server.wait(60)
    write_csv(place / "churn.csv", rows=rows, shuffled=True)
    again = way.run(way.train, place)
    said = [row for row in (again.stdout + again.stderr).splitlines() if row.strip()]
    return Found(seconds, answers, again.returncode, said[-1] if said else "")


def install(requirements: Path, folder: Path) -> tuple[float, float, int]:
    """(seconds, MB, distributions) of a fresh environment."""
    environment = folder / "environment"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    uv = [str(Path(sys.executable).parent / "uv"), "pip", "install", "--quiet"]
    subprocess.run([*uv, "--python", str(environment / "bin" / "python"), "-r", str(requirements)], check=True)
    took = time.perf_counter() - began
    packages = next((environment / "lib").glob("python*/site-packages"))
    size = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    count = len(list(packages.glob("*.dist-info")))
    shutil.rmtree(environment)
    return took, size / 1e6, count


def main() -> None:
    """Go all ways, and print them beside each other."""
    arguments = options(__doc__)
    folder = Path(tempfile.mkdtemp(prefix="headrace-first-run-"))
    try:
        chosen = ways(folder)[: 1 if arguments.no_peers else None]
        for name in ("fastapi", "mlflow")[: len(chosen) - 1]:
            subprocess.run(["sh", str(ROOT / "tools" / "environment.sh"), f"first-run-{name}"], check=True)
        found = {way.name: measure(way, folder, 2_000 if arguments.tiny else 20_000) for way in chosen}
        ours, peers = chosen[0], chosen[1:] or [None]
        for peer in peers:
            compare(ours, found[ours.name], peer, found[peer.name] if peer else None)
        if not arguments.tiny:
            names = {"headrace": "core", "scikit-learn + FastAPI": "first-run-fastapi", "MLflow": "first-run-mlflow"}
            sizes = {way.name: install(ROOT / "requirements" / f"{names[way.name]}.txt", folder) for way in chosen}
            for number, (what, unit) in enumerate((("seconds", "s"), ("size", "MB"), ("packages", "distributions"))):
                for peer in peers:
                    theirs = sizes[peer.name][number] if peer else None
                    line(
                        "first-run",
                        f"install: {what}",
                        unit,
                        sizes["headrace"][number],
                        peer.name if peer else "",
                        theirs,
                    )
    finally:
        shutil.rmtree(folder)


def compare(ours: Way, mine: Found, peer: Way | None, theirs: Found | None) -> None:
    """Print one peer beside us: seconds, lines, and each check with both answers."""
    name = peer.name if peer else ""

    def note(part: Callable[[Found], object]) -> str:
        return f"headrace: {part(mine)}" + (f"; {name}: {part(theirs)}" if theirs else "")

    stages = note(lambda one: ", ".join(f"{stage} {took:.1f} s" for stage, took in one.seconds.items()))
    theirs_s = sum(theirs.seconds.values()) if theirs else None
    line("first-run", "CSV to an answered prediction", "s", sum(mine.seconds.values()), name, theirs_s, note=stages)
    line("first-run", "lines typed", "lines", ours.num_lines, name, peer.num_lines if peer else None)
    for what in ROWS:
        is_fine = what == list(ROWS)[-1]
        expected = [200] if is_fine else [400, 422]

        def said(one: Found, what: str = what) -> str:
            return f"{one.answers[what][0]} {one.answers[what][1][:160]}"

        line(
            "first-run",
            f"{'answers' if is_fine else 'refuses'} {what}",
            "1 = yes",
            float(mine.answers[what][0] in expected),
            name,
            float(theirs.answers[what][0] in expected) if theirs else None,
            note=note(said),
        )
    line(
        "first-run",
        "refuses a model of shuffled labels",
        "1 = yes",
        float(mine.shuffled_code == 1),
        name,
        float(theirs.shuffled_code != 0) if theirs else None,
        note=note(lambda one: f"exit code {one.shuffled_code}, {one.shuffled_said[:120]!r}"),
    )


if __name__ == "__main__":
    main()

"""A store with one pushed model of a small table, and real servers over it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace import ops


def features(x):
    """Four features over every kind of column."""
    return {
        "delay": ops.z_score(x.delay),
        "carrier": ops.vocabulary(x.carrier, num_oov=2),
        "flight": x.flight,
        "is_late_hour": ops.where(x.hour > 17, 1, 0),
        "is_known": x.tail.is_null(),
        "when": x.when.cast("integer"),
        "is_new": ops.where(x.is_new, 1, 0),
    }


def small_table(num_rows: int = 400) -> pa.Table:
    """Raw rows with a null in every column that may have one."""
    random = np.random.default_rng(7)
    delay = random.normal(10, 30, num_rows)
    late = delay + random.normal(0, 10, num_rows) > 15
    some = random.random(num_rows) < 0.1
    return pa.table(
        {
            "delay": pa.array([None if hide else value for value, hide in zip(delay.tolist(), some, strict=True)]),
            "carrier": pa.array(random.choice(["AA", "UA", "", "\u00e9"], num_rows).tolist()),
            "flight": pa.array([None if i % 13 == 0 else i for i in range(num_rows)], pa.int64()),
            "hour": pa.array(random.integers(0, 24, num_rows).tolist(), pa.int32()),
            "tail": pa.array([None if i % 7 == 0 else f"N{i}" for i in range(num_rows)]),
            "when": pa.array([1_357_000_000 + 60 * i for i in range(num_rows)], pa.timestamp("s", tz="UTC")),
            "is_new": pa.array([None if i % 11 == 0 else i % 2 == 0 for i in range(num_rows)]),
            "late": pa.array(late.tolist()),
        }
    )


class Pushed:
    """A home with endpoint `late` at version 1."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.table = small_table()
        dataset = hr.Dataset.from_arrow(self.table, label="late")
        graph = hr.transform(features, dataset)
        self.model = hr.train(hr.XGBoost(n_estimators=5, max_depth=3), graph, dataset)
        report = hr.evaluate(self.model, dataset, metrics=["roc_auc"], allow_training_rows=True)
        verdict = hr.gate(self.model, report, rules=["roc_auc >= 0.5"])
        with hr.open_store(home):
            self.version = hr.push(self.model, verdict, endpoint="late")
        self.models = {1: self.model}
        self.expected = self.model.predict(self.table)["prediction"].to_numpy()

    def push(self, home: Path, version: int) -> None:
        """Put another model behind `late` in this home, whatever version it then is: the `version`-th of a few."""
        model = self.other(version)
        with hr.open_store(home) as store:
            live = store.endpoint("late")
            store.save_artifact(model)
            store.push("late", model.digest, live.verdict_digest, expected_version=live.version)

    def other(self, version: int):
        """The model pushed as that version; 1 is the first."""
        if version not in self.models:
            dataset = hr.Dataset.from_arrow(self.table, label="late")
            graph = hr.transform(features, dataset)
            self.models[version] = hr.train(hr.XGBoost(n_estimators=5 + version, max_depth=3), graph, dataset)
        return self.models[version]

    def predictions(self, version: int) -> np.ndarray:
        """What that version answers to each row."""
        return self.other(version).predict(self.table)["prediction"].to_numpy()

    def rows(self) -> list[dict[str, object]]:
        """The raw rows as a client sends them."""
        rows = self.table.drop_columns(["late"]).to_pylist()
        for row in rows:
            row["when"] = row["when"].isoformat()
        return rows


@pytest.fixture(scope="session")
def pushed(tmp_path_factory) -> Pushed:
    """One model for all serving tests; it takes a second to make."""
    return Pushed(tmp_path_factory.mktemp("serving") / "home")


@pytest.fixture
def home(pushed, tmp_path) -> Path:
    """A home of one's own with endpoint `late` at version 1, and nothing asked of it yet."""
    return Path(shutil.copytree(pushed.home, tmp_path / "home", ignore=shutil.ignore_patterns("requests")))


def wait_until(condition, timeout_s: float = 20.0):
    """The first true value of a condition that is asked again and again; fails when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {timeout_s} s: {condition.__doc__ or condition}")


def workers_of(pid: int) -> list[int]:
    """The process ids of a server's workers."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        command = Path(f"/proc/{child}/cmdline")
        if command.exists() and b"headrace.serving._worker" in command.read_bytes():
            found.append(int(child))
    return found


@contextmanager
def running(home: Path, *arguments: str, workers: int = 1, environment: dict[str, str] | None = None):
    """`headrace serve` in a process of its own; yields (client, process)."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "headrace.cli",
            "serve",
            "--port",
            "0",
            "--workers",
            str(workers),
            "-o",
            "json",
            *arguments,
        ],
        env={**os.environ, "HEADRACE_HOME": str(home), **(environment or {})},
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        text = process.stdout.readline()
        assert text, process.stderr.read()
        with httpx.Client(base_url=json.loads(text)["url"], timeout=30) as client:
            yield client, process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def client(pushed):
    """A client of a server with one worker."""
    with running(pushed.home) as (client, _):
        yield client

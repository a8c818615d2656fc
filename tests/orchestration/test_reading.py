"""Rows read and reused: a rolling window through `headrace run`, with all, some or none of the states kept."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace import disk
from headrace.cli import main
from headrace.orchestration.digests import run_digests
from headrace.store import Store

NUM_ROWS = 200

PIPELINE = """
import headrace as hr
from headrace import ops

def features(x):
    return {"delay": ops.z_score(x.delay), "far": ops.bucketize(x.distance * 2.0, num_buckets=3),
            "carrier": ops.vocabulary(x.carrier)}

@hr.pipeline
def flights():
    raw = hr.ingest("data/{span}.parquet", spans="last 2", label="late", key=["id"], split={"train": 3, "eval": 2})
    schema = hr.load_schema("schema.yaml", otherwise=hr.infer_schema(hr.analyze(raw, slices=["carrier"])))
    examples = hr.validate(raw, schema, previous=hr.previous(raw)).accepted
    graph = hr.transform(features, examples)
    model = hr.train(hr.XGBoost(max_depth=2, n_estimators=3), graph, examples)
    report = hr.evaluate(model, examples, champion=hr.champion("late"), slices=["carrier"], metrics=["brier"])
    hr.push(model, hr.gate(model, report, rules=["brier <= 1.0"]), endpoint="late")
"""


def arrive(folder: Path, month: int) -> None:
    """A month's file: the first rows of two have no label."""
    random = np.random.default_rng(7)  # the same values each month: nothing drifts
    delay = random.normal(size=NUM_ROWS)
    table = pa.table(
        {
            "id": np.arange(NUM_ROWS) + 1000 * month,
            "delay": delay,
            "distance": random.integers(100, 900, NUM_ROWS).astype(float),
            "carrier": pa.array(["AA", "DL"]).take(pa.array(random.integers(0, 2, NUM_ROWS))).cast(pa.string()),
            "late": pa.array(delay > 0.5, mask=np.arange(NUM_ROWS) < 2),
        }
    )
    with disk.open_to_write(disk.make_folder(folder / "data") / f"{month}.parquet") as file:
        pq.write_table(table, file)


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A function that makes a project's folder of some months and works in it."""
    monkeypatch.setenv("HEADRACE_WORKERS", "2")

    def make(name, *months):
        folder = disk.make_folder(tmp_path / name)
        disk.write_file(folder / "headrace.toml", b"")
        disk.write_file(folder / "flights.py", textwrap.dedent(PIPELINE).encode())
        for month in months:
            arrive(folder, month)
        return folder

    return make


def run(folder, monkeypatch, capfd):
    """`headrace run -o json` there: its JSON, what it told, and the digests of all outputs."""
    monkeypatch.chdir(folder)
    monkeypatch.delitem(sys.modules, "flights", raising=False)  # that of another folder
    assert main(["run", "flights.py", "-o", "json"]) == 0
    out, err = capfd.readouterr()
    plain = json.loads(out)
    with Store.open(folder / ".headrace", read_only=True) as store:
        return plain, err, run_digests(store, store.run(plain["run"]))


def rows(plain, name):
    """step -> rows_read or rows_reused, where there are any."""
    return {step["step"]: step[name] for step in plain["steps"] if step[name]}


@pytest.mark.slow
def test_a_month_costs_its_rows(project, monkeypatch, capfd):
    """Months 2 and 3 after months 1 and 2 read month 3, say so, and a run of nothing new reads nothing."""
    folder = project("flights", 1, 2)
    first, _, _ = run(folder, monkeypatch, capfd)
    assert rows(first, "rows_read")["analyze"] == 2 * 2 * NUM_ROWS, "by split, and by slice"
    assert rows(first, "rows_reused") == {}
    arrive(folder, 3)
    second, told, _ = run(folder, monkeypatch, capfd)
    read, reused = rows(second, "rows_read"), rows(second, "rows_reused")
    assert read["ingest[3]"] == read["ingest"] == reused["ingest"] == NUM_ROWS
    assert (read["analyze"], reused["analyze"]) == (2 * NUM_ROWS, 2 * NUM_ROWS)
    assert read["transform"] < NUM_ROWS and abs(read["transform"] - reused["transform"]) < NUM_ROWS // 2
    assert read["train"] > NUM_ROWS and "train" not in reused
    assert 0 < reused["evaluate"] < read["evaluate"]
    assert f"({2 * NUM_ROWS:,} rows read, {2 * NUM_ROWS:,} not read again)" in told
    assert second["rows_read"] == sum(read.values()) and second["rows_reused"] == sum(reused.values())
    assert second["results"]["analyze"]["rows_read"] == read["analyze"]
    third, _, _ = run(folder, monkeypatch, capfd)
    assert third["rows_read"] == third["rows_reused"] == 0
    assert "rows_read" not in third["results"]["analyze"], "that was another attempt's measurement"


@pytest.mark.slow
def test_no_output_tells_what_was_kept(project, monkeypatch, capfd):
    """A second month's digests are the same with all states kept, a quarter, none, or none allowed."""
    base = project("base", 1, 2)
    run(base, monkeypatch, capfd)
    arrive(base, 3)

    def copy(name):
        shutil.copytree(base, base.parent / name)
        return base.parent / name

    def states(folder):
        return sorted((folder / ".headrace" / "states").rglob("*.1"))

    _, _, expected = run(copy("all"), monkeypatch, capfd)
    folder = copy("half")
    for number, path in enumerate(states(folder)):
        if number % 2:
            path.unlink()
        elif number % 4:
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    assert run(folder, monkeypatch, capfd)[2] == expected
    folder = copy("gone")
    shutil.rmtree(folder / ".headrace" / "states")
    assert run(folder, monkeypatch, capfd)[2] == expected
    monkeypatch.setenv("HEADRACE_STATES_MB", "0")
    folder = copy("off")
    plain, _, found = run(folder, monkeypatch, capfd)
    assert found == expected
    assert set(rows(plain, "rows_reused")) == {"ingest"}, "digests come from the last data set, not from states"

"""Monitoring: like requests are no alarm, other ones are named, and only what was asked of this version counts."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pytest

import headrace as hr
from headrace.errors import InvalidInput, UnknownName
from headrace.monitoring import Baseline, alert, find_baseline, monitor
from headrace.serving.log import RequestLog
from headrace.serving.shape import Shape
from headrace.statistics import analyze
from headrace.store import Store
from tests.serving.conftest import home as home  # a fixture, as the next
from tests.serving.conftest import pushed as pushed
from tests.serving.conftest import running, small_table


def write(folder, model, table, *, version=1, sensitive=(), failed=0, refused=0, sample=1.0):
    """Have these rows in the request log, as if a server had answered them one by one."""
    shape = Shape("late", version, model.digest, model.columns, sensitive)
    log = RequestLog(folder / "requests", sample=sample, queue_rows=1_000_000)
    for start in range(0, table.num_rows, 50):
        lanes = model.codec.from_batch(table.slice(start, 50))
        answer = model.predict_lanes(lanes)["prediction"]
        log.take(
            (shape, f"{version}-{start}", time.perf_counter_ns(), 2_000_000, 200, lanes, answer, None, len(answer))
        )
    for number in range(failed + refused):
        status = 500 if number < failed else 400
        log.take((shape, f"bad{number}", time.perf_counter_ns(), 1000, status, None, None, None, 1))
    log.close()


def rows(seed, num_rows=2000):
    """Rows like those the model was fitted on, drawn anew."""
    return small_table(8000).take(pa.array(np.random.default_rng(seed).integers(0, 8000, num_rows)))


@pytest.fixture
def store(home):
    """The store of a home with endpoint `late`."""
    with Store.open(home) as store:
        yield store


@pytest.fixture(scope="module")
def baseline():
    """Of many rows of the same make."""
    return Baseline(analyze(hr.Dataset.from_arrow(small_table(8000), label="late")))


def test_like_rows_are_no_alarm(store, home, pushed, baseline):
    """Rows of the same make: nothing is over its threshold, everything is counted."""
    write(home, pushed.model, rows(1), refused=3)
    seen = monitor(store, "late", baseline=baseline)
    assert seen.ok, seen.items
    assert (seen.num_rows, seen.num_sampled, seen.num_refused, seen.num_failed) == (2003, 2000, 3, 0)
    assert seen.latency_us == {"p50": 2000.0, "p99": 2000.0}
    assert {one.feature for one in seen.comparisons} == {column.name for column in pushed.model.columns}
    alert(store, seen)
    assert not [event for event in store.events() if event.kind == "alert"]


@pytest.mark.slow
def test_false_alarms_are_rare(pushed, baseline):
    """Forty windows without any drift, small and large: not one alarm."""
    from headrace.validation import compare_statistics

    names = [column.name for column in pushed.model.columns]
    for seed in range(40):
        live = analyze(hr.Dataset.from_arrow(rows(seed, 300 if seed % 2 else 3000)))
        for one in compare_statistics(baseline.statistics, live, names, name="now"):
            assert not [item for item in one.items if item.severity != "info"], (seed, one)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("delay", lambda column: pa.compute.add(pa.compute.multiply(column, 1.8), 32.0)),
        ("carrier", lambda column: pa.array(["ZZ"] * len(column))),
        ("hour", lambda column: pa.compute.if_else(pa.compute.greater(column, 6), None, column)),
    ],
)
def test_what_changed_is_named(store, home, pushed, baseline, name, change):
    """A unit changed, a category never seen, rows gone: the column is named, and it is written down as an event."""
    table = rows(2)
    place = table.schema.get_field_index(name)
    column = change(table.column(name).combine_chunks())
    table = table.set_column(place, name, column.cast(table.schema.field(name).type))
    if name == "hour":  # the model says it cannot be null: a server would have refused; the log may hold any
        table = table.filter(table["hour"].is_valid())
    write(home, pushed.model, table)
    seen = monitor(store, "late", baseline=baseline)
    assert not seen.ok
    assert name in {item.feature for item in seen.items if item.severity != "info"}
    assert json.dumps(seen.to_plain())
    alert(store, seen)
    (event,) = [event for event in store.events() if event.kind == "alert"]
    assert event.body["endpoint"] == "late"


def test_texts_never_seen_are_named(store, home, pushed, baseline):
    """One row of two thousand with a text that no row had is no alarm; it is named, and names of planes are not."""
    table = rows(1)
    carriers = table["carrier"].to_pylist()
    table = table.set_column(1, "carrier", pa.array(["aa", *carriers[1:]]))
    write(home, pushed.model, table)
    seen = monitor(store, "late", baseline=baseline)
    assert seen.ok
    (item,) = [item for item in seen.items if item.code == "unseen_texts"]
    assert (item.feature, item.severity, item.num_rows) == ("carrier", "info", 1)
    assert item.message.endswith("in 1 of 2,000 rows: 'aa' (1)")


def test_only_the_version_served_is_looked_at(store, home, pushed, baseline):
    """What another version answered is not this one's."""
    write(home, pushed.model, rows(1))
    odd = rows(1).set_column(0, "delay", pa.array([1e6] * 2000))
    write(home, pushed.model, odd, version=7)
    seen = monitor(store, "late", baseline=baseline)
    assert seen.ok
    assert seen.num_rows == 2000


def test_masked_columns_are_not_compared(store, home, pushed, baseline):
    """A column masked in the log is all null there, and that is no drift."""
    import dataclasses

    from headrace.model import Model

    model = pushed.model
    masked = Model(model.onnx, dataclasses.replace(model.signature, sensitive=("carrier",)), golden=model.golden)
    store.save_artifact(masked)
    store.push("late", masked.digest, store.endpoint("late").verdict_digest, expected_version=1)
    write(home, masked, rows(1), version=2, sensitive=("carrier",))
    seen = monitor(store, "late", baseline=baseline)
    assert seen.ok
    assert "carrier" not in {one.feature for one in seen.comparisons}


def test_failures_are_told(store, home, pushed, baseline):
    """More than a hundredth of requests answered with an error of ours is wrong; a few refused ones are not."""
    write(home, pushed.model, rows(1), failed=5, refused=2)
    seen = monitor(store, "late", baseline=baseline)
    assert not seen.ok
    assert seen.items[0].code == "failed_requests"


def test_nothing_asked_is_no_alarm(store, baseline):
    """An endpoint nobody asked is said to be that."""
    seen = monitor(store, "late", baseline=baseline)
    assert seen.ok
    assert seen.items[0].code == "no_requests"


def test_a_log_without_inputs_is_not_compared(store, home, pushed, baseline):
    """log_sample = 0: requests are counted, and nothing is said of columns nobody wrote down."""
    write(home, pushed.model, rows(1), sample=0.0)
    seen = monitor(store, "late", baseline=baseline)
    assert seen.ok
    assert (seen.num_rows, seen.num_sampled) == (2000, 0)
    assert {row["state"] for row in seen.to_rows()} == {"not compared"}


def test_without_a_baseline_it_is_said(store, home, pushed):
    """A version that no run pushed has nothing to be compared with: that is told, and is no alarm."""
    write(home, pushed.model, rows(1))
    seen = monitor(store, "late")
    assert seen.ok
    assert "not compared" in seen.items[0].message
    assert find_baseline(store, store.endpoint("late")) is None


def test_wrong_questions_are_refused(store):
    """An unknown endpoint is named with those there are; a stretch must have hours."""
    with pytest.raises(UnknownName, match="late"):
        monitor(store, "lat")
    with pytest.raises(InvalidInput, match="last_hours"):
        monitor(store, "late", last_hours=0)


PIPELINE = """
import headrace as hr


@hr.pipeline
def small():
    raw = hr.ingest("data/{span}.parquet", label="late", split={"train": 8, "eval": 2})
    examples = hr.validate(raw, hr.infer_schema(hr.analyze(raw))).accepted
    graph = hr.transform(lambda x: {"delay": x.delay, "hour": x.hour}, examples)
    model = hr.train(hr.XGBoost(n_estimators=5), graph, examples)
    report = hr.evaluate(model, examples, metrics=["roc_auc"])
    hr.push(model, hr.gate(model, report, rules=["roc_auc >= 0.5"]), endpoint="late")
"""


@pytest.mark.slow
def test_the_command_compares_with_what_the_run_fitted_on(tmp_path):
    """Run, serve, ask, monitor: rows as before end with 0, rows of another make with 1 and the column's name."""
    import pyarrow.parquet as pq

    (tmp_path / "data").mkdir()
    (tmp_path / "headrace.toml").write_text("")
    (tmp_path / "small.py").write_text(PIPELINE)
    for month in range(3):
        pq.write_table(rows(month), tmp_path / "data" / f"2026-0{month + 1}.parquet")
    environment = {**os.environ, "HEADRACE_HOME": str(tmp_path / ".headrace")}

    def headrace(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "headrace.cli", *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    done = headrace("run", "small.py")
    assert done.returncode == 0, done.stderr
    with running(tmp_path / ".headrace") as (client, _):
        asked = rows(9).select(["delay", "hour"]).to_pylist()
        for start in range(0, 2000, 100):
            answer = client.post("/v1/models/late:predict", json={"instances": asked[start : start + 100]})
            assert answer.status_code == 200, answer.text
        time.sleep(1.0)
        done = headrace("monitor", "--once", "-o", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        (seen,) = json.loads(done.stdout)
        assert seen["rows"] == 2000
        assert {row["feature"] for row in seen["features"]} == {"delay", "hour", "prediction"}
        moved = [{**row, "delay": None if row["delay"] is None else row["delay"] * 60} for row in asked]
        for start in range(0, 2000, 100):
            client.post("/v1/models/late:predict", json={"instances": moved[start : start + 100]})
        time.sleep(1.0)
        done = headrace("monitor", "--once", "late")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "delay" in done.stderr

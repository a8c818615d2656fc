"""A model of several classes behind a server: a list a row out, in the log, in the commands, and in what watches it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace.monitoring import Baseline, monitor
from headrace.statistics import analyze
from headrace.store import Store
from tests.serving.conftest import running


@pytest.fixture(scope="module")
def kinds(tmp_path_factory):
    """A home with endpoint `kind`, its model, and 300 rows."""
    home = tmp_path_factory.mktemp("classes") / "home"
    generator = np.random.default_rng(3)
    x = generator.normal(size=(300, 2))
    names = np.array(["ash", "elm", "oak"], dtype=object)[np.digitize(x.sum(axis=1), [-0.5, 0.5])]
    table = pa.table({"id": range(300), "a": x[:, 0], "b": x[:, 1], "kind": names.tolist()})
    data = hr.Dataset.from_arrow(table, label="kind", key=["id"], split={"train": 1, "eval": 1})
    graph = hr.transform(lambda x: {"a": x.a, "b": x.b, "sum": x.a + x.b}, data)
    model = hr.train(hr.XGBoost(n_estimators=10), graph, data)
    report = hr.evaluate(model, data, metrics=["accuracy", "log_loss"])
    verdict = hr.gate(model, report, rules=["accuracy >= 0.6"], limits=hr.Limits(memory_mb=2000))
    assert verdict.ok, verdict.findings
    with hr.open_store(home):
        hr.push(model, verdict, endpoint="kind")
    return home, model, table


def command(home, *arguments, ok=True):
    """What a command of ours prints."""
    environment = {**os.environ, "HEADRACE_HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "headrace.cli", *arguments], env=environment, cwd=home, capture_output=True, text=True
    )
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout


def test_from_request_to_what_watches(kinds):
    """Served bytes are the model's; the log, its commands, and the drift of answers know of classes."""
    home, model, table = kinds
    asked = table.select(["a", "b"]).to_pylist()
    with running(home) as (client, _):
        body = client.get("/v1/models/kind/metadata").json()
        assert body["classes"] == ["ash", "elm", "oak"] and body["task"] == "multiclass"
        answer = client.post("/v1/models/kind:predict", json={"instances": asked}).json()["predictions"]
        one = client.post("/v1/models/kind:predict", json={"instances": asked[:1]}).json()["predictions"]
        why = client.post("/v1/models/kind:explain", json={"instances": asked[:2]}).json()["explanations"]
        assert client.post("/v1/models/kind:predict", json={"instances": [{"a": "x"}]}).status_code == 400
    assert np.array(answer, np.float32).tobytes() == model(table).tobytes()
    assert one == answer[:1]
    for told, said in zip(why, answer, strict=False):
        assert told["classes"] == ["ash", "elm", "oak"] and np.allclose(told["prediction"], said)
        assert all(len(values) == 3 for values in told["contributions"].values())
    logged = json.loads(command(home, "requests", "ls", "-n", "400", "-o", "json"))
    good = [row for row in logged if row["request_status"] == 200]
    assert {type(row["prediction"]) for row in good} == {list}
    assert {row["predicted_class"] for row in good} == {"ash", "elm", "oak"}
    assert [row["prediction"] for row in logged if row["request_status"] == 400] == [None]
    likeliest = model.predict(table)["predicted_class"].to_pylist()
    first = next(row for row in good if row["request_row"] == 5)
    assert first["predicted_class"] == likeliest[5] and np.allclose(first["prediction"], answer[5])
    assert first["predicted_class"] in command(home, "requests", "ls")
    assert "as it was answered" in command(home, "requests", "explain", good[-1]["request_id"])
    baseline = Baseline(
        analyze(hr.Dataset.from_arrow(table)),
        analyze(hr.Dataset.from_arrow(model.predict(table).select(["predicted_class"]))),
    )
    with Store.open(home) as store:
        seen = monitor(store, "kind", baseline=baseline)
    assert "predicted_class" in {one.feature for one in seen.comparisons}


def test_predict_writes_a_column_for_each_class(kinds, tmp_path):
    """CSV knows no lists."""
    home, model, table = kinds
    pq.write_table(table, tmp_path / "rows.parquet")
    target = tmp_path / "answers.csv"
    command(home, "predict", str(tmp_path / "rows.parquet"), "--endpoint", "kind", "--to", str(target))
    found = pa.csv.read_csv(target)
    assert found.column_names == ["row", "predicted_class", "prediction_ash", "prediction_elm", "prediction_oak"]
    assert found["predicted_class"].to_pylist() == model.predict(table)["predicted_class"].to_pylist()
    assert "classes, in the order of `prediction`: 'ash', 'elm', 'oak'" in command(home, "models", "show")

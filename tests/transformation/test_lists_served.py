"""Lists, decimals and dates all the way: fitted, trained on, saved with golden rows, loaded, asked."""

import decimal
import json

import numpy as np
import orjson
import pyarrow as pa

import headrace as hr
from headrace import ops
from headrace.canonical import from_canonical
from headrace.dataset import Dataset
from headrace.monitoring._monitor import _compared
from headrace.serving._contract import Request
from headrace.serving.core import Served, Serving
from headrace.serving.http import Door
from headrace.serving.shape import Shape, _inputs


def rows(num_rows=300):
    """A label that the lists decide."""
    random = np.random.default_rng(2)
    prices = [
        None if random.random() < 0.1 else random.normal(size=random.integers(0, 5)).round(2).tolist()
        for _ in range(num_rows)
    ]
    tags = [random.choice(["new", "sale", "old"], random.integers(0, 3)).tolist() for _ in range(num_rows)]
    late = [int(sum(price or []) > 0 or "sale" in tag) for price, tag in zip(prices, tags, strict=True)]
    return pa.table(
        {
            "prices": prices,
            "tags": tags,
            "day": [f"2013-{1 + at % 12:02}-01" for at in range(num_rows)],
            "fee": pa.array([decimal.Decimal(at) / 4 for at in range(num_rows)], pa.decimal128(10, 2)),
            "late": late,
        }
    )


def features(x):
    """Of each."""
    return {
        "sum": ops.z_score(x.prices.list.sum()),
        "many": x.prices.list.length(),
        "tags": ops.multi_hot(x.tags.list.join("|"), separator="|"),
        "sale": x.tags.list.contains("sale"),
        "month": x.day.str.parse_date("%Y-%m-%d").dt.month,
        "fee": ops.bucketize(x.fee, num_buckets=4),
    }


def test_trained_saved_loaded_and_asked(tmp_path):
    """The features by hand; the saved model's golden rows hold lists; JSON and tables get the same answers."""
    table = rows()
    dataset = Dataset.from_arrow(table, label="late")
    graph = hr.transform(features, dataset)
    found = graph.apply(table)
    sums = [None if prices is None else sum(prices) for prices in table["prices"].to_pylist()]
    known = np.array([total for total in sums if total is not None])
    expected = [np.nan if total is None else (total - known.mean()) / known.std() for total in sums]
    np.testing.assert_allclose(found["sum"].to_numpy(), expected, rtol=1e-5, atol=1e-6)
    assert found["month"].to_pylist()[:13] == [*map(float, range(1, 13)), 1.0]
    assert sorted(set(found["fee"].to_pylist())) == [0.0, 1.0, 2.0, 3.0]
    model = hr.train(hr.XGBoost(n_estimators=20), graph, dataset)
    model.save(tmp_path / "model")
    loaded = hr.Model.load(tmp_path / "model")
    answers = loaded.predict(table)["prediction"].to_pylist()
    plain = [{**row, "fee": float(row["fee"])} for row in table.drop_columns(["late"]).slice(0, 20).to_pylist()]
    lanes = loaded.codec.from_json(orjson.dumps({"instances": plain}))
    asked = loaded.predict_lanes(lanes)["prediction"].reshape(-1).tolist()
    assert asked == answers[:20]
    right = np.mean((np.array(answers) > 0.5) == np.array(table["late"].to_pylist()))
    assert right > 0.9, "it learnt from the lists"


def test_served_in_every_protocol():
    """Rows in JSON, tensors [N, L] and the descriptions of the server, of a model that reads nothing but lists."""
    table = rows()
    graph = hr.transform(lambda x: {"sum": x.prices.list.sum(), "sale": x.tags.list.contains("sale")}, _labelled(table))
    model = hr.train(hr.XGBoost(n_estimators=10), graph, _labelled(table))
    serving = Serving()
    serving.flip(Served("late", 1, "0" * 64, model))
    door = Door(serving, body_bytes=1 << 20, hosts=None, token="")

    def ask(path, body=None):
        answer = door.translate(Request("GET" if body is None else "POST", path, body or b"", 0, {}))
        assert answer.status == 200, (path, answer.body)
        return answer.body if path.endswith("try") else json.loads(answer.body)

    lists, tags = [[1.0, -3.0], [2.0, 2.5], [0.5, 0.0]], [["new"], ["sale"], ["old"]]
    expected = model.predict(pa.table({"prices": lists, "tags": tags}))["prediction"].to_pylist()
    plain = [{"prices": one, "tags": two} for one, two in zip(lists, tags, strict=True)]
    found = ask("/v1/models/late:predict", json.dumps({"instances": plain}).encode())
    assert np.float32(found["predictions"]).tolist() == expected
    tensors = [
        {"name": "prices", "datatype": "FP64", "shape": [3, 2], "data": [item for one in lists for item in one]},
        {"name": "tags", "datatype": "BYTES", "shape": [3, 1], "data": [item for one in tags for item in one]},
    ]
    found = ask("/v2/models/late/infer", json.dumps({"inputs": tensors}).encode())
    assert np.float32(found["outputs"][0]["data"]).tolist() == expected
    tensors[0]["shape"] = [6]
    answer = door.translate(Request("POST", "/v2/models/late/infer", json.dumps({"inputs": tensors}).encode(), 0, {}))
    assert answer.status == 400
    assert b"a list a row" in answer.body
    assert [item["shape"] for item in ask("/v2/models/late")["inputs"]] == [[-1, -1], [-1, -1]]
    assert ask("/v1/models/late/metadata")
    assert b"a list, such as" in ask("/try")
    described = json.dumps(ask("/openapi.json"))
    assert '"type": "array"' in described


def test_the_log_holds_no_lists_and_nobody_is_told_they_are_missing():
    """A list is in no lane: its column is null in the log, named among those that are, and not compared."""
    table = rows()
    graph = hr.transform(lambda x: {"sum": x.prices.list.sum(), "fee": x.fee}, _labelled(table))
    model = hr.train(hr.XGBoost(n_estimators=10), graph, _labelled(table))
    shape = Shape("late", 1, "0" * 64, model.columns)
    assert shape.schema.field("prices").type == pa.list_(pa.float64())
    assert from_canonical(shape.schema.metadata[b"headrace"])["request_masked"] == "prices"
    lanes = model.codec.from_rows([{"prices": [1.0], "fee": 2.5}, {}])
    arrays = dict(zip([column.name for column in model.columns], _inputs(shape, [lanes]), strict=True))
    assert arrays["prices"].to_pylist() == [None, None]
    assert arrays["fee"].to_pylist() == [2.5, None]
    assert list(_compared(model)) == ["fee"]


def _labelled(table):
    return Dataset.from_arrow(table, label="late")

"""Structs all the way: described, validated, fitted, trained on, saved, loaded and asked in every protocol."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import headrace as hr
from headrace import ops
from headrace.errors import InvalidInput, UnknownName
from headrace.monitoring._baseline import Baseline
from headrace.monitoring._monitor import _compare, _compared
from headrace.serving._contract import Request
from headrace.serving.core import Served, Serving
from headrace.serving.http import Door
from headrace.serving.ipc import MEDIA_TYPE, write_stream


def rows(num_rows=400):
    """What a shop hears of an order, nested; the label is decided by a field two structs down."""
    random = np.random.default_rng(3)
    found = []
    for at in range(num_rows):
        price = round(random.normal(), 3)
        item = None if at % 29 == 7 else {"price": price, "tags": random.choice(["new", "sale"], 2).tolist()}
        order = {"item": item, "shop": random.choice(["A", "B"]).item(), "unused": {"deep": at}}
        late = int(item is not None and price > 0)
        found.append({"order": None if at % 31 == 3 else order, "day": at % 7, "late": late})
    return found


def features(x):
    """Of fields."""
    return {
        "price": ops.z_score(x["order.item.price"]),
        "rank": ops.bucketize(x["order.item.price"], num_buckets=4),
        "shop": ops.vocabulary(x["order.shop"]),
        "both": ops.vocabulary(ops.cross(x["order.shop"], x.day), num_oov=2),
        "sale": x["order.item.tags"].list.contains("sale"),
        "day": x.day,
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(rows without their label, the table, the data set that was accepted, the model)."""
    folder = tmp_path_factory.mktemp("orders")
    table = pa.Table.from_pylist(rows())
    pq.write_table(table, folder / "orders.parquet", row_group_size=150)
    dataset = hr.Dataset.from_parquet(folder / "orders.parquet", label="late")
    schema = hr.infer_schema(hr.analyze(dataset))
    assert schema["order.item.price"].min_present < 1.0
    accepted = hr.validate(dataset, schema).accepted
    graph = hr.transform(features, accepted)
    model = hr.train(hr.XGBoost(n_estimators=20), graph, accepted)
    model.save(folder / "model")
    plain = [{name: value for name, value in row.items() if name != "late"} for row in rows()]
    return plain, table, accepted, hr.Model.load(folder / "model")


def test_features_by_hand(made):
    """As NumPy has them, nulls from any depth; a row of a table flattened beforehand has the same."""
    _, table, accepted, _ = made
    found = hr.transform(features, accepted).apply(table)
    items = [(row["order"] or {}).get("item") for row in table.to_pylist()]
    prices = np.array([np.nan if item is None else item["price"] for item in items])
    known = prices[~np.isnan(prices)]
    np.testing.assert_allclose(found["price"].to_numpy(), (prices - known.mean()) / known.std(), rtol=1e-5, atol=1e-6)
    expected = [np.nan if item is None else float("sale" in item["tags"]) for item in items]
    np.testing.assert_array_equal(found["sale"].to_numpy(), expected)
    flat = table.flatten().flatten()
    graph = hr.transform(features, accepted)
    assert graph.matrix_of(flat).tobytes() == graph.matrix_of(table).tobytes()


def test_asked_in_every_protocol(made):
    """JSON rows nested, an Arrow stream with structs, tensors by whole names: the same answers, to the bit."""
    plain, table, _, model = made
    serving = Serving()
    serving.flip(Served("late", 1, "0" * 64, model))
    door = Door(serving, body_bytes=1 << 22, hosts=None, token="")

    def ask(path, body=None, **headers):
        answer = door.translate(Request("GET" if body is None else "POST", path, body or b"", 0, headers))
        assert answer.status == 200, (path, answer.body)
        return answer.body

    expected = model.predict(table)["prediction"].to_pylist()
    found = json.loads(ask("/v1/models/late:predict", json.dumps({"instances": plain}).encode()))
    assert np.float32(found["predictions"]).tolist() == expected
    one = json.loads(ask("/v1/models/late:predict", json.dumps({"instances": plain[7:8]}).encode()))
    assert np.float32(one["predictions"]).tolist() == expected[7:8]
    lanes = model.codec.from_batch(table.drop_columns(["late"]))
    assert model.predict_lanes(lanes)["prediction"].tolist() == expected
    described = json.loads(ask("/openapi.json"))
    row = next(item for item in described["components"]["schemas"].values() if "order" in item.get("properties", {}))
    assert row["properties"]["order"]["properties"]["item"]["properties"]["price"]["type"] == ["number", "null"]
    assert b"order.item.price" in ask("/try/late")
    names = [item["name"] for item in json.loads(ask("/v2/models/late"))["inputs"]]
    assert "order.item.price" in names
    some = table.slice(0, 2).to_pylist()
    tensors = [
        {
            "name": "order.item.price",
            "datatype": "FP64",
            "shape": [2],
            "data": [row["order"]["item"]["price"] for row in some],
        },
        {"name": "order.shop", "datatype": "BYTES", "shape": [2], "data": [row["order"]["shop"] for row in some]},
        {
            "name": "order.item.tags",
            "datatype": "BYTES",
            "shape": [2, 2],
            "data": [tag for row in some for tag in row["order"]["item"]["tags"]],
        },
        {"name": "day", "datatype": "INT64", "shape": [2], "data": [row["day"] for row in some]},
    ]
    answered = json.loads(ask("/v2/models/late/infer", json.dumps({"inputs": tensors}).encode()))
    assert np.float32(answered["outputs"][0]["data"]).tolist() == expected[:2]
    stream = write_stream(table.drop_columns(["late"]))
    answered = pa.ipc.open_stream(ask("/v1/models/late:predict", stream, **{"content-type": MEDIA_TYPE})).read_all()
    assert answered["prediction"].to_pylist() == expected


def test_what_is_wrong_is_told_at_its_line(made):
    """A field that there is not, a struct as a feature; and data whose field is of another kind, or new."""
    _, _, accepted, model = made
    with pytest.raises(
        UnknownName, match=r"order\.item\.prize.*test_structs_served.*did you mean 'order\.item\.price'"
    ):
        hr.transform(lambda x: {"a": x["order.item.prize"]}, accepted)
    with pytest.raises(InvalidInput, match=r'name a field of it: x\["order\.item\.<field>"\]'):
        hr.transform(lambda x: {"a": x["order.item"]}, accepted)
    assert "order.unused" in model.signature.ignored
    later = [
        {**row, "order": {**(row["order"] or {"item": None, "shop": "A"}), "unused": "x", "more": 1}}
        for row in rows(50)
    ]
    found = hr.validate(hr.Dataset.from_arrow(pa.Table.from_pylist(later), label="late"), accepted.schema)
    told = {(item.code, item.feature) for item in found.items}
    assert {("type", "order.unused"), ("new_column", "order.more"), ("missing_column", "order.unused.deep")} <= told


def test_what_is_asked_is_compared_field_by_field(made):
    """The log has a field as a column of its own, the data as a field: they are held against each other."""
    _, _, accepted, model = made
    flat = pa.table({name: accepted.to_arrow(columns=[name])[name] for name in _compared(model)})
    baseline = Baseline(hr.analyze(accepted), None)
    same = _compare(_compared(model), baseline, hr.analyze(flat), "late")
    assert sorted(one.feature for one in same) == ["day", "order.item.price", "order.shop"]
    assert all(not one.items for one in same)
    moved = flat.set_column(0, "order.item.price", pc.multiply(flat["order.item.price"], 1000.0))
    found = _compare(_compared(model), baseline, hr.analyze(moved), "late")
    assert {item.code for one in found for item in one.items} & {"drift_scale", "drift"}

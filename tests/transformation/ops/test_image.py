"""ops.image and ops.normalize_image: a picture's numbers, as NumPy has them, served as they were materialised."""

import base64
import io
import json

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

import headrace as hr
from headrace import ops
from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.model.images import picture
from headrace.serving._contract import Request
from headrace.serving.core import Served, Serving
from headrace.serving.http import Door
from headrace.serving.ipc import MEDIA_TYPE, write_stream
from headrace.transformation import transform

RANDOM = np.random.default_rng(6)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pictures(number=40):
    """Coloured pictures of different sizes, PNG and JPEG in turn, a null among them; bright ones are late."""
    found, late = [], []
    for at in range(number):
        bright = int(RANDOM.integers(0, 200))
        pixels = RANDOM.integers(bright, bright + 55, (5 + at % 7, 6 + at % 5, 3)).astype(np.uint8)
        held = io.BytesIO()
        Image.fromarray(pixels).save(held, "JPEG" if at % 2 else "PNG")
        found.append(None if at == 9 else held.getvalue())
        late.append(int(bright > 100))
    return pa.table({"p": pa.array(found, pa.binary()), "n": range(number), "late": late})


def features(x):
    """The numbers as they are, and scaled, in both orders."""
    coloured = ops.image(x.p, height=4, width=5, channels=3)
    return {
        "grey": ops.image(x.p, height=3, width=3),
        "scaled": ops.normalize_image(coloured, mean=MEAN, std=STD),
        "planes": ops.normalize_image(coloured, mean=MEAN, std=STD, order="chw"),
        "n": x.n,
    }


TABLE = pictures()


def test_numbers_by_numpy():
    """To the bit: float64 until the last cast; null in every number of a null picture."""
    graph = transform(features, Dataset.from_arrow(TABLE))
    found = {name: np.array(graph.apply(TABLE)[name].to_pylist(), np.float32) for name in ("grey", "scaled", "planes")}
    for row, data in enumerate(TABLE["p"].to_pylist()):
        if data is None:
            assert all(np.isnan(values[row]).all() for values in found.values())
            continue
        pixels = picture(data, 4, 5, 3).astype(np.float64).reshape(20, 3)
        scaled = ((pixels / 255.0 - np.array(MEAN)) / np.array(STD)).astype(np.float32)
        assert np.array_equal(found["scaled"][row], scaled.reshape(-1))
        assert np.array_equal(found["planes"][row], scaled.T.reshape(-1))
        assert np.array_equal(found["grey"][row], picture(data, 3, 3, 1).astype(np.float32))
    assert graph.feature_widths == (9, 60, 60, 1)


def test_served_by_json_arrow_and_tensors(tmp_path):
    """A saved model answers bytes in every protocol as it answers the table; a bad picture is the client's fault."""
    dataset = Dataset.from_arrow(TABLE, label="late")
    model = hr.train(hr.XGBoost(n_estimators=8), transform(features, dataset), dataset)
    model.save(tmp_path / "model")
    model = hr.Model.load(tmp_path / "model")
    expected = model.predict(TABLE)["prediction"].to_pylist()
    serving = Serving()
    serving.flip(Served("late", 1, "0" * 64, model))
    door = Door(serving, body_bytes=1 << 22, hosts=None, token="")

    def ask(path, body=None, status=200, **headers):
        answer = door.translate(Request("GET" if body is None else "POST", path, body or b"", 0, headers))
        assert answer.status == status, (path, answer.body)
        return answer.body

    blobs = [None if data is None else base64.b64encode(data).decode() for data in TABLE["p"].to_pylist()]
    rows = [{"p": None if blob is None else {"b64": blob}, "n": at} for at, blob in enumerate(blobs)]
    found = json.loads(ask("/v1/models/late:predict", json.dumps({"instances": rows}).encode()))
    assert np.float32(found["predictions"]).tolist() == expected
    columns = {"p": [row["p"] for row in rows], "n": list(range(40))}
    found = json.loads(ask("/v1/models/late:predict", json.dumps({"inputs": columns}).encode()))
    assert np.float32(found["outputs"]).tolist() == expected
    stream = write_stream(TABLE.drop_columns(["late"]))
    answered = pa.ipc.open_stream(ask("/v1/models/late:predict", stream, **{"content-type": MEDIA_TYPE})).read_all()
    assert answered["prediction"].to_pylist() == expected
    tensors = [
        {"name": "p", "datatype": "BYTES", "shape": [9], "data": blobs[:9]},
        {"name": "n", "datatype": "INT64", "shape": [9], "data": list(range(9))},
    ]
    found = json.loads(ask("/v2/models/late/infer", json.dumps({"inputs": tensors}).encode()))
    assert np.float32(found["outputs"][0]["data"]).tolist() == expected[:9]
    bad = json.dumps({"instances": [rows[0], {"p": {"b64": "aGk="}, "n": 1}]}).encode()
    assert b"row 1, column 'p'" in ask("/v1/models/late:predict", bad, status=400)
    assert b"contentEncoding" in ask("/openapi.json")
    assert ask("/try/late")
    assert ask("/v1/models/late/metadata")
    explained = model.explain(TABLE.slice(0, 2).drop_columns(["late"]))
    assert explained.columns[0] == "p"


def test_a_network_takes_it():
    """What ops.normalize_image gives goes into ops.onnx."""
    import onnx

    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(RANDOM.normal(size=(27, 2)).astype(np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "part",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 27])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 2])],
        [weights],
    )
    data = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)]).SerializeToString()

    def deep(x):
        image = ops.image(x.p, height=3, width=3, channels=3)
        return {"deep": ops.onnx(ops.normalize_image(image, mean=MEAN, std=STD, order="chw"), model=data)}

    found = transform(deep, Dataset.from_arrow(TABLE))
    assert found.matrix_of(TABLE).shape == (40, 2)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda x: x.p, "feature 'f' is binary"),
        (lambda x: ops.vocabulary(x.p), "ops.vocabulary was given binary"),
        (lambda x: ops.image(x.n, height=2, width=2), "integer is no picture"),
        (lambda x: ops.image(x.p, height=2, width=0), "a picture of 2 x 0"),
        (lambda x: ops.image(x.p, height=2.0, width=2), "height = 2.0"),
        (lambda x: ops.image(x.p, height=2, width=2, channels=4), "1 or 3 channels"),
        (lambda x: ops.image(x.p, height=9000, width=9000), "at most 262,144 values"),
        (lambda x: ops.normalize_image(x.n), "is no picture"),
        (lambda x: ops.normalize_image(ops.image(x.p, height=1, width=1), mean=(0.5, 0.5)), "for each channel"),
        (lambda x: ops.normalize_image(ops.image(x.p, height=1, width=1), std=(0.0,)), "std ="),
        (lambda x: ops.normalize_image(ops.image(x.p, height=1, width=1), scale=0), "scale = 0"),
        (lambda x: ops.normalize_image(ops.image(x.p, height=1, width=1), order="nchw"), "order = 'nchw'"),
        (lambda x: ops.normalize_image(ops.image(x.p, height=1, width=1), mean=MEAN, std=STD), "no pixels of 3"),
        (lambda x: ops.image(x.p, height=1, width=1) + 1, "was given a vector"),
    ],
)
def test_what_is_refused(wrong, told):
    """At the line where it is written."""
    with pytest.raises(InvalidInput, match=told) as caught:
        transform(lambda x: {"f": wrong(x)}, Dataset.from_arrow(TABLE)).matrix_of(TABLE)
    assert "test_image.py" in str(caught.value)

"""ops.onnx of files whose weights are large, or lie in files beside them: taken safely, served from the artifact."""

import hashlib
import importlib
import json
import os
import subprocess
import sys

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

import headrace as hr
from headrace import ops
from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.model import weights
from headrace.serving._contract import Request
from headrace.serving.core import Served, Serving
from headrace.serving.http import Door
from headrace.transformation import Expressions, TransformGraph, trace

op_onnx = importlib.import_module("headrace.transformation.ops.onnx")  # where `ops.onnx` is the function
WIDTH = 9000
MATRIX = np.random.default_rng(3).normal(size=(2, WIDTH)).astype(np.float32)
BIAS = np.array([0.5], np.float32)
TABLE = pa.table({"a": np.linspace(-1, 1, 60), "b": np.linspace(2, -1, 60), "late": [0, 1] * 30})


def write(folder, *, is_apart=True, name="weights.bin", location=None, **entries):
    """A model [N, 2] -> [N, 3] in a folder, its large tensor and a small one in a file beside it."""
    weight, bias = numpy_helper.from_array(MATRIX, "w"), numpy_helper.from_array(BIAS, "bias")
    down = numpy_helper.from_array(np.eye(WIDTH, 3, dtype=np.float32), "down")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("MatMul", ["h", "down"], ["d"]),
        helper.make_node("Add", ["d", "bias"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "part",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 3])],
        [weight, bias, down],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 21)])
    if is_apart:
        data = b""
        for tensor in model.graph.initializer:
            if tensor.name == "down":
                continue
            for key, value in {
                "location": location or name,
                "offset": str(len(data)),
                "length": str(len(tensor.raw_data)),
                **entries,
            }.items():
                entry = tensor.external_data.add()
                entry.key, entry.value = key, value
            data += tensor.raw_data
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "part.onnx").write_bytes(model.SerializeToString())
    return folder / "part.onnx"


def features(path):
    """Of the part."""
    return lambda x: {"part": ops.onnx(x.a, x.b, model=path)}


def expected(table):
    """By NumPy."""
    given = np.stack([table["a"].to_numpy(), table["b"].to_numpy()], axis=1).astype(np.float32)
    return (given @ MATRIX)[:, :3] + BIAS


@pytest.mark.parametrize("name", ["weights.bin", "deep/er/weights.bin"])
def test_external_data_in_its_own_folder(tmp_path, name):
    """The answers are NumPy's; the graph is saved without the files, which may go, and by their content alone."""
    dataset = Dataset.from_arrow(TABLE, label="late")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    path = write(tmp_path / "one", name=name)
    graph = hr.transform(features(path), dataset)
    np.testing.assert_allclose(graph.matrix_of(TABLE), expected(TABLE), rtol=1e-5, atol=1e-6)
    moved = trace(features(write(tmp_path / "two", name="other.bin")))
    assert moved.key == trace(features(path)).key, "neither paths nor files are in the key"
    assert str(tmp_path) not in json.dumps(graph.to_plain())
    (tmp_path / "graph").mkdir()
    graph.save(tmp_path / "graph")
    code = (
        "import pathlib, sys, pyarrow as pa, numpy as np\n"
        "from headrace.transformation import TransformGraph\n"
        "graph = TransformGraph.load(pathlib.Path(sys.argv[1]))\n"
        "print(graph.digest, graph.matrix_of(pa.table({'a': [0.25], 'b': [2.0]})).tobytes().hex())"
    )
    (path.parent / name).unlink()
    path.unlink()
    found = subprocess.run([sys.executable, "-c", code, tmp_path / "graph"], capture_output=True, text=True, check=True)
    row = graph.matrix_of(pa.table({"a": [0.25], "b": [2.0]}))
    assert found.stdout.split() == [graph.digest, row.tobytes().hex()]


def test_trained_pushed_apart_and_served(tmp_path, monkeypatch):
    """With a limit of 64 KiB the weights lie beside the model; loaded without the part's files it answers the same."""
    monkeypatch.setattr(weights, "INLINE_BYTES", 64 << 10)
    dataset = Dataset.from_arrow(TABLE, label="late")
    path = write(tmp_path)
    model = hr.train(hr.XGBoost(n_estimators=4), hr.transform(features(path), dataset), dataset)
    model.save(tmp_path / "model")
    assert (tmp_path / "model" / "weights.safetensors").stat().st_size > MATRIX.nbytes
    path.unlink()
    loaded = hr.Model.load(tmp_path / "model")
    serving = Serving()
    serving.flip(Served("late", 1, "0" * 64, loaded))
    door = Door(serving, body_bytes=1 << 20, hosts=None, token="")
    rows = TABLE.drop_columns(["late"]).to_pylist()
    body = json.dumps({"instances": rows}).encode()
    answer = door.translate(Request("POST", "/v1/models/late:predict", body, 0, {}))
    assert answer.status == 200, answer.body
    assert np.float32(json.loads(answer.body)["predictions"]).tolist() == model.predict(TABLE)["prediction"].to_pylist()


def test_a_large_file_without_external_data(tmp_path, monkeypatch):
    """Its weights are taken out of it, by content as ever."""
    path = write(tmp_path, is_apart=False)
    inside = hr.transform(features(path), Dataset.from_arrow(TABLE)).matrix_of(TABLE)
    monkeypatch.setattr(op_onnx, "_MOST_BYTES", 1000)
    op = op_onnx.Onnx(path)
    assert op.weights == tuple(sorted([hashlib.sha256(MATRIX.tobytes()).hexdigest(), _content_of_down()]))
    assert len(op.model) < 2000
    assert hr.transform(features(path), Dataset.from_arrow(TABLE)).matrix_of(TABLE).tobytes() == inside.tobytes()


def _content_of_down():
    return hashlib.sha256(np.eye(WIDTH, 3, dtype=np.float32).tobytes()).hexdigest()


def test_where_it_travels_as_plain_data(tmp_path, monkeypatch):
    """Another process finds the files by what travels beside the key; a file that has changed meanwhile is refused."""
    plain = trace(features(write(tmp_path))).to_plain()
    assert set(plain["weights"]) == set(plain["nodes"][2]["parameters"]["weights"])
    monkeypatch.setattr(weights, "_KEPT", {})
    monkeypatch.setattr(weights, "_PLACES", {})
    op_onnx._part.cache_clear()
    dataset = Dataset.from_arrow(TABLE)
    hr.transform(Expressions.from_plain(plain), dataset)
    weights._KEPT.clear()
    op_onnx._part.cache_clear()
    data = bytearray((tmp_path / "weights.bin").read_bytes())
    data[7] ^= 1
    (tmp_path / "weights.bin").write_bytes(data)
    with pytest.raises(InvalidInput, match="has changed since the features were traced"):
        hr.transform(Expressions.from_plain(plain), dataset)
    weights._PLACES.clear()
    with pytest.raises(InvalidInput, match="are not on this machine"):
        hr.transform(Expressions.from_plain({**plain, "weights": {}}), dataset)
    op_onnx._part.cache_clear()


def _symlink(folder):
    (folder / "weights.bin").rename(folder / "real.bin")
    (folder / "weights.bin").symlink_to(folder / "real.bin")


def _hardlink(folder):
    os.link(folder / "weights.bin", folder / "again.bin")


def _linked_folder(folder):
    (folder / "real").mkdir()
    (folder / "weights.bin").rename(folder / "real" / "weights.bin")
    (folder / "sub").symlink_to(folder / "real")


FAULTS = {
    "an absolute path": ({"location": "/etc/passwd"}, None, "a file in the model's own folder"),
    "a way up": ({"location": "../x/weights.bin"}, None, "a file in the model's own folder"),
    "a way up and back": ({"location": "sub/../weights.bin"}, None, "a file in the model's own folder"),
    "another separator": ({"location": "..\\weights.bin"}, None, "a file in the model's own folder"),
    "NUL": ({"location": "weights.bin\0.txt"}, None, "a file in the model's own folder"),
    "nothing there": ({"location": "none.bin"}, None, "cannot read 'none.bin'"),
    "a folder": ({"location": "sub"}, lambda folder: (folder / "sub").mkdir(), "no plain file"),
    "a pipe": ({"location": "pipe"}, lambda folder: os.mkfifo(folder / "pipe"), "no plain file"),
    "empty": ({"location": "none"}, lambda folder: (folder / "none").touch(), "cannot read 'none'"),
    "a symbolic link": ({}, _symlink, "goes through a link"),
    "a folder that is a link": ({"location": "sub/weights.bin"}, _linked_folder, "goes through a link"),
    "a hard link": ({}, _hardlink, "has other names too"),
    "cut short": ({}, lambda folder: os.truncate(folder / "weights.bin", 100), "of a file of 100"),
    "another length": ({"length": "8"}, None, "is said to have 8 bytes"),
    "a negative place": ({"offset": "-8"}, None, "bytes from byte -8"),
    "far away": ({"offset": str(1 << 70)}, None, "of a file of"),
    "no number": ({"offset": "0x0"}, None, "whole numbers"),
    "another key": ({"basepath": "/"}, None, "names its data by"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_refused(tmp_path, fault):
    """Each way out of the folder, and each size that is not the tensor's: at the user's line."""
    entries, spoil, told = FAULTS[fault]
    path = write(tmp_path, **entries)
    if spoil is not None:
        spoil(tmp_path)
    with pytest.raises(InvalidInput, match=told) as caught:
        trace(features(path))
    assert "test_onnx_weights.py" in str(caught.value) or "the model of ops.onnx" in str(caught.value)


def test_bytes_have_no_folder(tmp_path):
    """External data of a model given as bytes is refused, as ever."""
    data = write(tmp_path).read_bytes()
    with pytest.raises(InvalidInput, match="lies in another file"):
        trace(lambda x: {"part": ops.onnx(x.a, x.b, model=data)})
    model = onnx.load_model_from_string(data)
    model.graph.initializer[0].external_data[0].value = "sha256:" + "0" * 64
    del model.graph.initializer[0].external_data[1:]
    with pytest.raises(InvalidInput, match="are not on this machine"):
        trace(lambda x: {"part": ops.onnx(x.a, x.b, model=model.SerializeToString())})


def test_the_graph_class_loads_nothing_that_is_not_there(tmp_path):
    """A saved transform whose weights are gone is told so."""
    graph = hr.transform(features(write(tmp_path)), Dataset.from_arrow(TABLE))
    (tmp_path / "graph").mkdir()
    graph.save(tmp_path / "graph")
    data = bytearray((tmp_path / "graph" / "weights.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "graph" / "weights.safetensors").write_bytes(data)
    with pytest.raises(InvalidInput, match="are damaged"):
        TransformGraph.load(tmp_path / "graph")

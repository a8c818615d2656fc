"""Weights beside a graph: by content, never by path; what is damaged or foreign is refused before it is run."""

import json
import shutil

import numpy as np
import onnx
import pyarrow as pa
import pytest

import headrace as hr
from headrace import ops
from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.model import GraphBuilder, InputColumn, open_session, weights
from headrace.model.checks import check_graph
from headrace.model.weights import OnnxBytes, content_of, external_content, read_weights, write_weights
from headrace.transformation import TransformGraph

KEYS = tuple(f"k{at}" for at in range(600))
VECTORS = np.random.default_rng(1).normal(size=(600, 32)).round(6)  # 150 KB of float64


def table(num_rows=200):
    """Texts whose vectors decide the label."""
    at = np.random.default_rng(2).integers(0, 700, num_rows)
    late = [int(place < 600 and VECTORS[place, 0] > 0) for place in at]
    return pa.table({"t": [f"k{place}" for place in at], "late": late})


def features(x):
    """Of an embedding."""
    return {"e": ops.embed(x.t, keys=KEYS, vectors=VECTORS.tolist())}


@pytest.fixture
def small(monkeypatch):
    """A graph of 64 KiB is one that is too large, so that tests need no 256 MiB."""
    monkeypatch.setattr(weights, "INLINE_BYTES", 64 << 10)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(the model, its folder), its weights beside the graph."""
    folder = tmp_path_factory.mktemp("made") / "model"
    dataset = Dataset.from_arrow(table(), label="late")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "INLINE_BYTES", 64 << 10)
        model = hr.train(hr.XGBoost(n_estimators=5), hr.transform(features, dataset), dataset)
        model.save(folder)
    return model, folder


@pytest.fixture
def saved(made, tmp_path):
    """The same, in a folder that may be spoiled."""
    shutil.copytree(made[1], tmp_path / "model")
    return made[0], tmp_path / "model"


def test_the_same_answers_inside_and_beside(made):
    """The graph is small, the file holds what the graph names, and every answer has the bytes of the graph with all."""
    model, folder = made
    assert len(model.onnx) < 64 << 10 < (folder / "weights.safetensors").stat().st_size
    loaded = hr.Model.load(folder)
    assert loaded.digest == model.digest
    dataset = Dataset.from_arrow(table(), label="late")
    whole = hr.train(hr.XGBoost(n_estimators=5), hr.transform(features, dataset), dataset)
    assert not whole.onnx.weights
    assert len(whole.onnx) > 150_000
    asked = table(300).slice(200)
    for output in ("prediction", "margin"):
        assert loaded.predict(asked)[output].equals(whole.predict(asked)[output])
    explained = loaded.explain(asked.slice(0, 2)).contributions
    assert np.array_equal(explained, whole.explain(asked.slice(0, 2)).contributions)


def test_transform_graphs_too(small, tmp_path):
    """Saved and loaded, a transform has the same digest, and the features the same bytes."""
    graph = hr.transform(features, Dataset.from_arrow(table(), label="late"))
    graph.save(tmp_path)
    assert len((tmp_path / "features.onnx").read_bytes()) < 64 << 10
    loaded = TransformGraph.load(tmp_path)
    assert loaded.digest == graph.digest
    assert loaded.matrix_of(table(), few_rows=10**6).tobytes() == graph.matrix_of(table(), few_rows=0).tobytes()


def test_equal_weights_give_equal_files(tmp_path):
    """Whatever the order; read back they are the same arrays, and each lies where its type wants it."""
    arrays = [np.arange(9).astype(code) for code in ("f8", "f4", "f2", "i8", "i4", "i1", "u1", "?")]
    held = {content_of(array): array for array in arrays}
    one = write_weights(tmp_path / "a", held)
    assert write_weights(tmp_path / "b", dict(reversed(held.items()))) == one
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    found = read_weights(tmp_path / "a")
    assert found.keys() == held.keys()
    for name, array in found.items():
        assert array.dtype == held[name].dtype
        assert array.tobytes() == held[name].tobytes()
        assert array.flags.aligned
    assert content_of(np.arange(3, dtype=">f4")) == content_of(np.arange(3, dtype="<f4"))


def _cut(path):
    path.write_bytes(path.read_bytes()[:-1])


def _longer(path):
    path.write_bytes(path.read_bytes() + b"\0")


def _flipped(path):
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def _header(change):
    def spoil(path):
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])
        text = json.dumps(change(header)).encode()
        path.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + length :])

    return spoil


def _linked(path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


FAULTS = {
    "cut short": (_cut, "are damaged"),
    "longer": (_longer, "are said to be something"),
    "one bit": (_flipped, "are damaged"),
    "no file": (lambda path: path.unlink(), "other weights than those beside"),
    "a link": (_linked, "a link, or nothing"),
    "empty": (lambda path: path.write_bytes(b""), "cannot be read"),
    "a header of 2^60 bytes": (lambda path: path.write_bytes(b"\0" * 7 + b"\x10" + b"x" * 99), "a header of"),
    "no JSON": (lambda path: path.write_bytes((2).to_bytes(8, "little") + b"[x"), "not weights"),
    "a list": (_header(lambda header: list(header)), "not weights"),
    "another name": (_header(lambda header: dict.fromkeys(["0" * 64], *header.values())), "are damaged"),
    "a path": (_header(lambda header: dict.fromkeys(["../x"], *header.values())), "not weights: tensor '../x'"),
    "another type": (
        _header(lambda header: {name: {**item, "dtype": "BF16"} for name, item in header.items()}),
        "not weights",
    ),
    "another shape": (
        _header(lambda header: {name: {**item, "shape": [1 << 62, 8]} for name, item in header.items()}),
        "not weights: tensor",
    ),
    "before the data": (
        _header(lambda header: {name: {**item, "data_offsets": [-8, 0]} for name, item in header.items()}),
        "not weights: tensor",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_not_what_the_graph_names_is_refused(saved, fault):
    """Each way a file can be wrong, before ONNX Runtime sees the graph."""
    spoil, told = FAULTS[fault]
    spoil(saved[1] / "weights.safetensors")
    with pytest.raises(InvalidInput, match=told):
        hr.Model.load(saved[1])


def test_other_weights_of_the_same_size(saved, tmp_path):
    """A file that is whole in itself, and not the one the graph names."""
    other = np.zeros_like(VECTORS)
    write_weights(saved[1] / "weights.safetensors", {content_of(other): other})
    with pytest.raises(InvalidInput, match="other weights than those beside the graph"):
        hr.Model.load(saved[1])


def _marked(change):
    """A graph whose one tensor names its data as `change` has it."""
    builder = GraphBuilder([InputColumn("a", "number")])
    made = builder.node("MatMul", ["number", builder.constant(np.ones((1, 9000)))])
    model = onnx.load_model_from_string(builder.finish({"y": (made, np.float64, 9000)}))
    tensor = model.graph.initializer[0]
    content = content_of(np.ones((1, 9000)))
    tensor.ClearField("raw_data")
    weights.put_outside(tensor, content)
    change(tensor)
    return model.SerializeToString(), {content: 72_000}


def _location(value):
    def change(tensor):
        tensor.external_data[0].value = value

    return change


def _more(key, value):
    def change(tensor):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value

    return change


FOREIGN = {
    "a path": _location("weights.bin"),
    "a path away": _location("../../etc/passwd"),
    "a path that begins as content does": _location("sha256:../../etc/passwd"),
    "content in capitals": _location("sha256:" + "A" * 64),
    "content and an offset": _more("offset", "0"),
    "content and another path": _more("location", "x"),
    "ONNX Runtime's own mark for addresses": _location("*/_ORT_MEM_ADDR_/*"),
    "content and data": lambda tensor: setattr(tensor, "raw_data", b"x"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_external_data_is_refused(name):
    """Whatever names data in any way but by content alone."""
    graph, beside = _marked(FOREIGN[name])
    with pytest.raises(InvalidInput, match="lies in another file"):
        check_graph(graph, beside=beside)


def test_content_is_taken_where_it_is_there():
    """With its size; nothing else, and not without the weights. Bytes alone are not run."""
    graph, beside = _marked(lambda tensor: None)
    check_graph(graph, beside=beside)
    for wrong in ({}, dict.fromkeys(beside, 71_999)):
        with pytest.raises(InvalidInput, match="other weights than those beside"):
            check_graph(graph, beside=wrong)
    with pytest.raises(InvalidInput, match="ONNX Runtime refuses"):
        open_session(graph)
    held = {content: np.ones((1, 9000)) for content in beside}
    assert open_session(OnnxBytes(graph, held)).run(["y"], {"number": np.ones((2, 1))})[0].shape == (2, 9000)
    assert external_content(onnx.TensorProto()) is None


def test_bytes_of_small_graphs_do_not_change():
    """A large constant inside has the bytes that ONNX's own helper writes."""
    graph, _ = _marked(lambda tensor: None)
    builder = GraphBuilder([InputColumn("a", "number")])
    made = builder.node("MatMul", ["number", builder.constant(np.ones((1, 9000)))])
    found = onnx.load_model_from_string(builder.finish({"y": (made, np.float64, 9000)}))
    expected = onnx.numpy_helper.from_array(np.ones((1, 9000)), "constant_0")
    assert found.graph.initializer[0].SerializeToString() == expected.SerializeToString()
    assert len(graph) < 1000
    assert builder.constant_value("constant_0").tolist() == np.ones((1, 9000)).tolist()

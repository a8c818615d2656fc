"""GraphBuilder: lanes, sharing, pruning and bytes."""

import numpy as np
import onnx
import onnxruntime
import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.model import checks
from headrace.model.columns import NULL_TEXT, InputColumn
from headrace.model.graph import GraphBuilder

COLUMNS = [
    InputColumn("a", "number"),
    InputColumn("i", "integer"),
    InputColumn("j", "integer", is_nullable=False),
    InputColumn("flag", "boolean"),
    InputColumn("t", "text"),
    InputColumn("u", "text", is_nullable=False),
    InputColumn("when", "timestamp"),
    InputColumn("b", "number"),
]
LANES = {
    "number": np.array([[1.5, -0.0], [np.nan, np.inf]]),
    "integer": np.array([[2**62, -5, 1, 7], [0, 6, 0, 0]]),
    "text": np.array([["x", "y"], [NULL_TEXT, ""]], dtype=object),
    "present": np.array([[True, True, True], [False, False, False]]),
}


def run(data, lanes=LANES):
    """Every output of a graph by name."""
    model = onnx.load_model_from_string(data)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(data)
    names = [item.name for item in session.get_outputs()]
    feed = {item.name: lanes[item.name] for item in session.get_inputs()}
    return dict(zip(names, session.run(names, feed), strict=True))


def test_each_column_comes_out_of_its_lane():
    """Every column of every kind is its own slice of its lane, with its own bit in `present`."""
    builder = GraphBuilder(COLUMNS)
    outputs = {}
    dtypes = {"number": np.float64, "integer": np.int64, "timestamp": np.int64, "boolean": np.bool_, "text": object}
    for column in COLUMNS:
        value = builder.column(column.name)
        outputs[column.name] = (value.name, dtypes[value.kind], 1)
        assert (value.present is not None) == column.has_present_bit
    got = run(builder.finish(outputs))
    assert got["a"].tolist()[0] == [1.5]
    assert np.isnan(got["a"][1, 0])
    assert got["i"].ravel().tolist() == [2**62, 0]
    assert got["j"].ravel().tolist() == [-5, 6]
    assert got["flag"].ravel().tolist() == [True, False]
    assert got["t"].ravel().tolist() == ["x", NULL_TEXT]
    assert got["u"].ravel().tolist() == ["y", ""]
    assert got["when"].ravel().tolist() == [7, 0]
    assert got["b"].ravel().tolist() == [-0.0, np.inf]


def test_as_number_writes_nan_where_null():
    """Integers, booleans and timestamps become float64 with NaN for null, nullable or not."""
    builder = GraphBuilder(COLUMNS)
    outputs = {
        name: (builder.as_number(builder.column(name)), np.float64, 1) for name in ("i", "j", "flag", "when", "a")
    }
    got = run(builder.finish(outputs))
    np.testing.assert_array_equal(got["i"].ravel(), [2.0**62, np.nan])
    np.testing.assert_array_equal(got["j"].ravel(), [-5.0, 6.0])
    np.testing.assert_array_equal(got["flag"].ravel(), [1.0, np.nan])
    np.testing.assert_array_equal(got["when"].ravel(), [7.0, np.nan])
    np.testing.assert_array_equal(got["a"].ravel(), [1.5, np.nan])


def test_is_null_of_each_kind():
    """Null is NaN, a missing bit, or the reserved text; a column that is never null answers None."""
    builder = GraphBuilder(COLUMNS)
    outputs = {}
    for name in ("a", "i", "t"):
        null = builder.is_null(builder.column(name))
        assert null is not None
        outputs[name] = (null, np.bool_, 1)
    assert builder.is_null(builder.column("j")) is None
    assert builder.is_null(builder.column("u")) is None
    for values in run(builder.finish(outputs)).values():
        assert values.ravel().tolist() == [False, True]


def test_equal_nodes_are_one_and_unneeded_ones_are_left_out():
    """The same call twice adds nothing; what no output needs is not in the graph."""
    builder = GraphBuilder(COLUMNS)
    a = builder.column("a").name
    first = builder.node("Add", [a, builder.number(1.0)])
    assert builder.node("Add", [a, builder.number(1.0)]) == first
    builder.node("Mul", [a, builder.number(3.0)])
    model = onnx.load_model_from_string(builder.finish({"y": (first, np.float64, 1)}))
    assert [node.op_type for node in model.graph.node] == ["Gather", "Add"]
    assert [tensor.name for tensor in model.graph.initializer] == ["constant_0", "piece 0"]


def test_negative_zero_and_zero_are_different_constants():
    """Constants are shared by their bits, so -0.0 never becomes 0.0."""
    builder = GraphBuilder(COLUMNS)
    assert builder.number(-0.0) != builder.number(0.0)
    assert builder.number(float("nan")) == builder.number(float("nan"))


def test_equal_calls_give_equal_bytes():
    """Two builders handed the same calls write the same bytes, at opset 21 and IR 10."""

    def write():
        builder = GraphBuilder(COLUMNS)
        value = builder.node("Mul", [builder.as_number(builder.column("i")), builder.column("b").name])
        return builder.finish({"y": (value, np.float64, 1), "again": (value, np.float64, 1)})

    data = write()
    assert data == write()
    model = onnx.load_model_from_string(data)
    assert model.ir_version == 10
    assert {item.domain: item.version for item in model.opset_import} == {"": 21}
    got = run(data)
    np.testing.assert_array_equal(got["y"], got["again"])


def test_a_lane_itself_may_be_an_output():
    """An output that no node made is copied, not renamed."""
    builder = GraphBuilder([InputColumn("a", "number")])
    got = run(builder.finish({"same": (builder.column("a").name, np.float64, 1)}), {"number": np.array([[4.0]])})
    assert got["same"].tolist() == [[4.0]]


def test_misuse_is_named():
    """Unknown columns, doubled columns, foreign domains and taken output names are refused."""
    builder = GraphBuilder(COLUMNS)
    with pytest.raises(UnknownName, match="no column named 'aa'"):
        builder.column("aa")
    with pytest.raises(InvalidInput, match="twice"):
        GraphBuilder([COLUMNS[0], COLUMNS[0]])
    with pytest.raises(InvalidInput, match="outside the allowed domains"):
        builder.node("Tokenizer", ["text"], domain="ai.onnx.contrib")
    with pytest.raises(InvalidInput, match="name of another tensor"):
        builder.finish({"number": (builder.column("a").name, np.float64, 1)})
    with pytest.raises(InvalidInput, match="vocabulary"):
        builder.as_number(builder.column("t"))


def test_a_graph_too_large_for_its_file(monkeypatch):
    """What protobuf could not write is refused early, with its largest parts; a forged limit stands for 1 GiB."""
    builder = GraphBuilder([InputColumn("a", "number")])
    total = builder.node("Add", [builder.column("a").name, builder.constant(np.zeros((1, 400)))])
    assert builder.finish({"sum": (total, np.float64, 400)})
    monkeypatch.setattr(checks, "MAX_ONNX_BYTES", 3_000)
    with pytest.raises(
        InvalidInput, match=r"the graph has 3,\d+ bytes; the largest of its parts are constant_0 3,2.*top_k"
    ):
        builder.finish({"sum": (total, np.float64, 400)})
    with pytest.raises(InvalidInput, match=r"a constant has 8,000 bytes.*at most 3,000"):
        builder.constant(np.zeros(1_000))

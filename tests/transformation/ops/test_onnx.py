"""ops.onnx: a model that was fitted elsewhere, inside the graph."""

from pathlib import Path
from typing import ClassVar

import numpy as np
import onnx
import pyarrow as pa
import pytest
from onnx import TensorProto, helper, numpy_helper

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.model.checks import check_graph
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation.ops.onnx import Onnx


def model_of(nodes, weights, *, width=2, kind=TensorProto.FLOAT, opset=21, rows="N", outputs=("y",), shape=None):
    """A serialised model of one input x."""
    graph = helper.make_graph(
        nodes,
        "part",
        [helper.make_tensor_value_info("x", kind, [rows, width] if shape is None else shape)],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, ir_version=10, opset_imports=opsets).SerializeToString()


WEIGHTS = np.array([[1.0, -0.5, 2.0], [0.25, 3.0, -1.0]], np.float32)
NETWORK = model_of(
    [helper.make_node("Gemm", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
    {"w": WEIGHTS},
    outputs=("y", "h"),
)


class TestOnnx(OpCases):
    """A small network of two numbers and of a vector, beside a plain feature."""

    columns: ClassVar = {"a": "integer", "b": "boolean"}

    def features(self, x):
        """Both outputs, and of what an embedding gives."""
        small = (x.a % 100).fill_null(0)
        city = ops.embed(x.a, keys=[1, 2], vectors=[[1.0, 2.0], [3.0, -4.0]])
        return {
            "y": ops.onnx(small, x.b.fill_null(False), model=NETWORK),
            "h": ops.onnx(small, x.b.fill_null(False), model=NETWORK, output="h"),
            "plain": x.b,
            "city": ops.onnx(city, model=NETWORK),
        }

    def define(self, rows, fitted):
        """In NumPy, of numbers that float32 holds exactly."""

        def hidden(first, second):
            return (np.array([first, second], np.float32) @ WEIGHTS).tolist()

        h = [hidden(0 if row["a"] is None else row["a"] % 100, bool(row["b"])) for row in rows]
        vectors = {1: (1.0, 2.0), 2: (3.0, -4.0)}
        city = [hidden(*vectors.get(row["a"], (0.0, 0.0))) for row in rows]
        return {
            "y": [[max(0.0, item) for item in row] for row in h],
            "h": h,
            "plain": [row["b"] for row in rows],
            "city": [[max(0.0, item) for item in row] for row in city],
        }


def test_from_a_file_and_of_an_older_opset(tmp_path):
    """A path is read once, where it is written; the graph that is made has our opset and passes its own check."""
    (tmp_path / "part.onnx").write_bytes(
        model_of([helper.make_node("Squeeze", ["x"], ["y"], axes=[1])], {}, width=1, opset=11)
    )
    table = pa.table({"a": [1.0, 2.5, None]})
    path = Path(tmp_path / "part.onnx")
    graph = transform(lambda x: {"a": ops.onnx(x.a, model=path)}, Dataset.from_arrow(table))
    path.unlink()
    got = np.array(graph.apply(table)["a"].to_pylist())
    np.testing.assert_array_equal(got, [[1.0], [2.5], [np.nan]])
    check_graph(graph.onnx)
    assert len(graph.expressions.text(1)) < 600
    assert onnx.load_model_from_string(graph.onnx).opset_import[0].version == 21


REFUSED = {
    "not an ONNX model": b"not a model",
    "answer to a row differs": model_of(
        [helper.make_node("ReduceMean", ["x"], ["m"], keepdims=1), helper.make_node("Sub", ["x", "m"], ["y"])], {}
    ),
    "does not take": model_of([helper.make_node("Reshape", ["x", "s"], ["y"])], {"s": np.array([100, 2])}),
    "holds a graph": model_of(
        [
            helper.make_node(
                "If",
                ["c"],
                ["y"],
                **{
                    branch: helper.make_graph(
                        [helper.make_node("Identity", ["x"], ["z"])],
                        branch,
                        [],
                        [helper.make_tensor_value_info("z", TensorProto.FLOAT, None)],
                    )
                    for branch in ("then_branch", "else_branch")
                },
            )
        ],
        {"c": np.array(True)},
    ),
    "opset 22": model_of([helper.make_node("Identity", ["x"], ["y"])], {}, opset=22),
    "inputs": model_of([helper.make_node("Identity", ["x"], ["y"])], {}, kind=TensorProto.INT64),
    "is not said": model_of([helper.make_node("Identity", ["x"], ["y"])], {}, width="M"),
    "expected numbers": model_of([helper.make_node("Unsqueeze", ["x", "a"], ["y"])], {"a": np.array([1])}),
}


@pytest.mark.parametrize("message", list(REFUSED))
def test_what_is_refused(message):
    """Before a row is read, with what is wrong."""
    with pytest.raises(InvalidInput, match=message):
        Onnx(model=REFUSED[message])


def test_other_bad_input(tmp_path):
    """Text, too many numbers, an output that is not there, no file, no bytes."""
    table = pa.table({"a": [1.0], "s": ["a"]})
    for function, message in (
        (lambda x: {"a": ops.onnx(x.a, x.s, model=NETWORK)}, "text cannot go into"),
        (lambda x: {"a": ops.onnx(x.a, model=NETWORK)}, "1 numbers for a model of 2"),
        (lambda x: {"a": ops.onnx(x.a, x.a, model=NETWORK, output="z")}, "no output 'z'"),
        (lambda x: {"a": ops.onnx(x.a, model=tmp_path / "none.onnx")}, "cannot read"),
        (lambda x: {"a": ops.onnx(x.a, model="part.onnx")}, "bytes or a Path"),
        (lambda x: {"a": ops.onnx(x.a, model=5)}, "bytes or a Path"),
    ):
        with pytest.raises(InvalidInput, match=message) as caught:
            transform(function, Dataset.from_arrow(table))
        assert "test_onnx.py" in str(caught.value)

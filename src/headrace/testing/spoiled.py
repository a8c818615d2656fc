"""Models that are bad on purpose: each loads and keeps its golden rows, and fails only at work, as bad versions do."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from headrace.model import Model

__all__ = ["MARK", "Fault", "spoil"]

Fault = Literal["fails", "slow", "wild", "inverted"]

# A row whose first number column has this value is one that a model that "fails" raises at.
MARK = 77.125


def spoil(model: Model, fault: Fault, *, size: int = 700) -> Model:
    """A model with a fault that no gate and no golden row shows.

    Parameters
    ----------
    model : Model
        With a number column.
    fault : "fails", "slow", "wild" or "inverted"
        Raises at rows that hold MARK; multiplies matrices of `size` for each request; answers 5 more than a probability
        may be; or answers one minus what it should.

    >>> from headrace.testing.spoiled import MARK
    >>> MARK
    77.125
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = onnx.load_from_string(model.onnx)
    for known in graph.graph.node:
        known.output[:] = ["sound" if name == "prediction" else name for name in known.output]
        known.input[:] = ["sound" if name == "prediction" else name for name in known.input]

    def constant(name: str, values: Any) -> str:
        graph.graph.initializer.append(numpy_helper.from_array(np.asarray(values), f"spoiled_{name}"))
        return f"spoiled_{name}"

    def node(op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        graph.graph.node.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    if fault == "fails":
        first = node("Gather", ["number", constant("first", np.int64(0))], "spoiled_column", axis=1)
        marked = node("Equal", [first, constant("mark", np.float64(MARK))], "spoiled_is_marked")
        index = node("Cast", [marked], "spoiled_index", to=TensorProto.INT64)
        # An index of 1 into one value: ONNX Runtime raises when it runs, and only then.
        zero = node("Gather", [constant("nil", np.zeros((1, 1), np.float32)), index], "spoiled_nought", axis=0)
        node("Add", ["sound", zero], "prediction")
    elif fault == "slow":
        mean = node("ReduceMean", ["sound"], "spoiled_mean", keepdims=0)
        left = node("Mul", [constant("matrix", np.full((size, size), 1e-6, np.float32)), mean], "spoiled_left")
        product = node("MatMul", [left, left], "spoiled_product")
        total = node("ReduceSum", [product], "spoiled_total", keepdims=0)
        nothing = node("Mul", [total, constant("none", np.float32(0))], "spoiled_nothing")
        node("Add", ["sound", nothing], "prediction")
    elif fault == "wild":
        node("Add", ["sound", constant("five", np.float32(5))], "prediction")
    else:
        node("Sub", [constant("one", np.float32(1)), "sound"], "prediction")
    return Model(
        graph.SerializeToString(),
        model.signature,
        sample=model.golden.select([column.name for column in model.columns]),
    )

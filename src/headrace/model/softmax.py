"""Softmax into ONNX, in float64, with the same bytes for a row in any batch."""

from __future__ import annotations

import numpy as np

from headrace.model.graph import GraphBuilder

__all__ = ["add_softmax"]

_VECTOR = 8  # float64 values in the widest vectors there are
_GRID = 2.0**42  # 1,024 terms of at most 1, in these units, stay below 2^53


def add_softmax(builder: GraphBuilder, margin: str, width: int) -> str:
    """Probabilities from margins.

    Parameters
    ----------
    builder : GraphBuilder
        The graph.
    margin : str
        The name of a float32 tensor [N, width].
    width : int
        Classes, at most 1,024.

    Returns
    -------
    str
        The name of a float32 tensor [N, width]: exp(margin) over its sum in float64, rounded once. A NaN in a row makes
        all of it NaN.

    ONNX Runtime's own Softmax of float64, and its Exp and its sums, differ by a last bit between a full vector and what
    is left of a batch. Here rows are filled up to whole vectors for Exp, and the sum is of whole multiples of 2^-42, so
    that it is exact in any order; it is off by at most `width` x 2^-43, of a sum of at least 1.
    Cost: about 0.2 us a row of ten classes.
    """
    double = builder.cast(margin, np.float64)
    below = builder.node("Sub", [double, builder.node("ReduceMax", [double, builder.integer(1)], keepdims=1)])
    spare = -width % _VECTOR
    if spare:
        pads = builder.constant(np.array([0, 0, 0, spare], np.int64))
        below = builder.node("Pad", [below, pads, builder.constant(np.array(0.0))], mode="constant")
    powers = builder.node("Exp", [below])
    if spare:
        ends = [builder.integer(value) for value in (0, width, 1)]
        powers = builder.node("Slice", [powers, *ends])
    grid = builder.number(_GRID)
    whole = builder.node("Round", [builder.node("Mul", [powers, grid])])
    total = builder.node("Div", [builder.node("ReduceSum", [whole, builder.integer(1)], keepdims=1), grid])
    return builder.cast(builder.node("Div", [powers, total]), np.float32)

"""Provenance: which raw columns each feature of a model is made of, read from its graph.

Columns are followed from the lanes through the nodes to the output `features`. Nodes that work value by value, and
those that cut and join, are followed column by column; of any other node every output column is made of all that goes
in, which may say too much and never too little.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from headrace.model.columns import InputColumn, layout_of

__all__ = ["columns_of_features"]

_Sets = list[frozenset[str]]

# fmt: off
_BY_VALUE = frozenset({
    "Abs", "Add", "And", "Cast", "Ceil", "Clip", "Cos", "Div", "Equal", "Erf", "Exp", "Floor", "Greater",
    "GreaterOrEqual", "Identity", "IsInf", "IsNaN", "LabelEncoder", "Less", "LessOrEqual", "Log", "Max", "Min", "Mod",
    "Mul", "MurmurHash3", "Neg", "Not", "Or", "Pow", "Reciprocal", "RegexFullMatch", "Round", "Sigmoid", "Sign", "Sin",
    "Softplus", "Sqrt", "StringConcat", "Sub", "Tanh", "Where", "Xor",
})
# fmt: on


def columns_of_features(onnx: bytes, columns: Sequence[InputColumn], num_features: int) -> list[tuple[str, ...]]:
    """For each feature, in order, the raw columns that it is made of, in the model's column order.

    Parameters
    ----------
    onnx : bytes
        The model's graph.
    columns : sequence of InputColumn
        The model's.
    num_features : int
        The width of its output `features`.

    Returns
    -------
    list of tuple of str
        Empty for a feature that is a constant. Cost: a few milliseconds.
    """
    from onnx import ModelProto, numpy_helper

    graph = ModelProto.FromString(onnx).graph
    raw = {column.name: column.name for column in columns}
    raw |= {derived.name: column.name for column in columns for derived in column.derived_columns}
    layout = layout_of(columns)
    known: dict[str, _Sets] = {
        lane: [frozenset({raw[name]}) for name in getattr(layout, lane)] for lane in layout.lanes
    }
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for name, tensor in constants.items():
        known[name] = [frozenset()] * (tensor.dims[-1] if tensor.dims else 1)

    def value(name: str) -> Any:
        return numpy_helper.to_array(constants[name])

    for node in graph.node:
        inputs = [known[name] for name in node.input if name]
        attributes = {one.name: one for one in node.attribute}
        axis = attributes["axis"].i if "axis" in attributes else 0
        all_of: frozenset[str] = frozenset().union(*(one for sets in inputs for one in sets))
        outputs: list[_Sets]
        if node.op_type in _BY_VALUE:
            width = max(map(len, inputs), default=1)
            if all(len(one) in (1, width) for one in inputs):
                outputs = [[_joined(inputs, place) for place in range(width)]]
            else:
                outputs = [[all_of]]
        elif node.op_type == "Concat" and axis in (1, -1):
            outputs = [[one for sets in inputs for one in sets]]
        elif node.op_type == "Split" and axis in (1, -1):
            outputs = _split(inputs[0], node, value)
        elif node.op_type == "Gather" and axis in (1, -1) and node.input[1] in constants:
            places = np.atleast_1d(value(node.input[1])).ravel().tolist()
            is_fit = all(-len(inputs[0]) <= place < len(inputs[0]) for place in places)
            outputs = [[inputs[0][place] for place in places] if is_fit else [all_of]]
        else:
            outputs = [[all_of]] * len(node.output)
        known.update(zip(node.output, outputs, strict=False))
    found = known.get("features", [frozenset()])
    if len(found) != num_features:  # of a node whose width is not known: all of them are made of all
        found = [frozenset().union(*found)] * num_features
    order = {column.name: place for place, column in enumerate(columns)}
    return [tuple(sorted(one, key=order.__getitem__)) for one in found]


def _joined(inputs: Sequence[_Sets], place: int) -> frozenset[str]:
    return frozenset().union(*(one[place if len(one) > 1 else 0] for one in inputs))


def _split(whole: _Sets, node: Any, value: Any) -> list[_Sets]:
    number = len(node.output)
    if len(node.input) > 1 and node.input[1]:
        sizes = [int(one) for one in value(node.input[1])]
    else:
        size = -(-len(whole) // number)
        sizes = [min(size, len(whole) - size * place) for place in range(number)]
    if sum(sizes) != len(whole) or min(sizes) < 0:
        return [[frozenset().union(*whole)]] * number
    ends = np.cumsum([0, *sizes]).tolist()
    return [whole[start:end] for start, end in itertools.pairwise(ends)]

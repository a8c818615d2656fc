"""The same nodes as ONNX Runtime runs them quickest: constants of a column's shape, and no pieces that nobody reads.

**Constants beside columns are [1, 1].** Broadcasting leaves out an axis of one place where both tensors have it. A
column [N, 1] beside a constant [1] is therefore N spans of one value each, 7 to 15 ns a row; beside [1, 1] it is one
span of N values, 0.7 ns a row (https://github.com/microsoft/onnxruntime,
onnxruntime/core/providers/cpu/math/element_wise_ops.h, class Broadcaster; measured with 1.32). The values are the same
to the bit: each is one operation of IEEE 754, alone or in a vector. Operators of which a span has a kernel that rounds
otherwise (Pow squares where the exponent is 2), or takes another zero of two (Max, Min), are left alone.

**A lone piece is gathered.** A Split makes all its pieces, 0.2 us each; where one column of a lane is read, a Gather of
it takes 0.9 us less of a row's 30.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

__all__ = ["gather_lone_pieces", "widen_constants"]

_EXACT = frozenset(
    "Add Sub Mul Div Mod Equal Less LessOrEqual Greater GreaterOrEqual And Or Xor Where".split()  # noqa: SIM905
)
# What has the axes of its inputs.
_SAME = _EXACT | frozenset(
    "Abs Cast Ceil Clip Concat Cos Erf Exp Floor Identity IsInf IsNaN LabelEncoder Log Max Min MurmurHash3 Neg Not Pow "  # noqa: SIM905
    "Round Sigmoid Sign Sin Split Sqrt StringConcat Tanh".split()
)


def widen_constants(nodes: Sequence[Any], initializers: Mapping[str, Any], inputs: Collection[str]) -> list[Any]:
    """Let nodes that take a column and a constant [1] take it as [1, 1]; changes `nodes`, in order of their making.

    Parameters
    ----------
    nodes : sequence of NodeProto
        Each after those whose outputs it takes.
    initializers : mapping of str to TensorProto
        The graph's constants.
    inputs : collection of str
        The graph's inputs, of two axes each.

    Returns
    -------
    list of TensorProto
        The constants to be added: "<name> wide", where there was "<name>".
    """
    import onnx

    is_wide = set(inputs)  # of two axes or more
    found: dict[str, Any] = {}
    for node in nodes:
        taken = [name for name in node.input if name]
        if node.op_type == "TreeEnsemble":
            is_wide.update(node.output)
        elif node.op_type == "Gather":
            data, places = taken
            if places in is_wide or (data in is_wide and places in initializers and len(initializers[places].dims)):
                is_wide.update(node.output)
        elif node.op_type in _SAME and any(name in is_wide for name in taken):
            is_wide.update(node.output)
            if node.op_type not in _EXACT:
                continue
            for place, name in enumerate(node.input):
                tensor = initializers.get(name)
                if tensor is None or list(tensor.dims) != [1]:
                    continue
                wide = f"{name} wide"
                if wide not in found:
                    found[wide] = onnx.TensorProto()
                    found[wide].CopyFrom(tensor)
                    found[wide].name = wide
                    found[wide].dims[:] = [1, 1]
                node.input[place] = wide
    return list(found.values())


def gather_lone_pieces(nodes: Sequence[Any], splits: Collection[str], outputs: Collection[str]) -> list[Any]:
    """Let a Split into columns, of which one is read, be a Gather of it; changes `nodes`.

    Parameters
    ----------
    nodes : sequence of NodeProto
        Those with an output that is read.
    splits : collection of str
        The first outputs of the Splits whose pieces are one column wide.
    outputs : collection of str
        The graph's outputs.

    Returns
    -------
    list of TensorProto
        The constants to be added: "piece <place>".
    """
    import numpy as np
    import onnx

    read = {name for node in nodes for name in node.input}.union(outputs)
    found: dict[str, Any] = {}
    for node in nodes:
        if node.op_type != "Split" or node.output[0] not in splits:
            continue
        live = [place for place, name in enumerate(node.output) if name in read]
        if len(live) != 1:
            continue
        index = f"piece {live[0]}"
        found[index] = onnx.numpy_helper.from_array(np.array(live, dtype=np.int64), index)
        node.CopyFrom(onnx.helper.make_node("Gather", [node.input[0], index], [node.output[live[0]]], axis=1))
    return list(found.values())

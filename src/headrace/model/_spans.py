"""Constants beside columns: of shape [1, 1], so that ONNX Runtime works through a column as one span.

It leaves out an axis of one place where both tensors have it. A column [N, 1] beside a constant [1] is therefore N
spans of one value each, 7 to 15 ns a row; beside [1, 1] it is one span of N values, 0.7 ns a row
(https://github.com/microsoft/onnxruntime, onnxruntime/core/providers/cpu/math/element_wise_ops.h, class Broadcaster;
measured with 1.32). The values are the same to the bit: each is one operation of IEEE 754, alone or in a vector.
Operators of which a span has a kernel that rounds otherwise (Pow squares where the exponent is 2), or takes another
zero of two (Max, Min), are left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

__all__ = ["widen_constants"]

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

"""Operators of PyTorch's core set as nodes of a graph in which a row's result does not depend on the batch.

Everything is computed in float64 and rounded once, at the end; what has no float64 kernel, or one that treats the end
of a batch differently (exp, tanh, sigmoid, erf), is rounded to float32 first, whose kernels give a value the same bits
wherever it stands. Products of matrices add a row's terms in one order for any number of rows: tested at 1, 2, 3, 7,
31 and 100 rows in `TrainerCases`, and measured on batches of 1 to 1000.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.model import GraphBuilder

__all__ = ["OPERATORS", "Rows", "Writer"]

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_LARGEST_INTEGER = float(1 << 52)


@dataclass(frozen=True)
class Rows:
    """A tensor whose first axis is the batch's rows; `kind`: "float" (float64 in the graph), "integer", "boolean"."""

    name: str
    kind: str
    rank: int


class Writer:
    """What the operators write with: a builder, and constants as PyTorch holds them."""

    def __init__(self, builder: GraphBuilder) -> None:
        self.builder = builder

    def name(self, value: Any, kind: str = "float") -> str:
        """The graph's tensor of a value, as that kind: of rows, of PyTorch, or a number."""
        dtype = {"float": np.float64, "integer": np.int64, "boolean": np.bool_}[kind]
        if isinstance(value, Rows):
            return value.name if value.kind == kind else self.builder.cast(value.name, dtype)
        array = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value)
        if kind == "float" and array.dtype == np.float32 and array.size > 1:
            # Kept as they are, half the size; the cast is done once, when the graph is opened.
            return self.builder.cast(self.builder.constant(np.ascontiguousarray(array)), np.float64)
        return self.builder.constant(np.ascontiguousarray(array.astype(dtype)))

    def node(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        return self.builder.node(op_type, inputs, **attributes)

    def number(self, value: float) -> str:
        """A float64 constant."""
        return self.builder.number(value)

    def integers(self, *values: int) -> str:
        """An int64 constant."""
        return self.builder.constant(np.array(values, np.int64))

    def single(self, name: str) -> str:
        """A float64 tensor rounded to float32, what is too large to its largest."""
        limits = [self.builder.constant(np.array(value)) for value in (-_FLOAT32_MAX, _FLOAT32_MAX)]
        return self.builder.cast(self.node("Clip", name, *limits), np.float32)

    def by_single(self, op_type: str, name: str, **attributes: Any) -> str:
        """A float64 tensor through a float32 operator."""
        return self.builder.cast(self.node(op_type, self.single(name), **attributes), np.float64)

    def by_double(self, op_type: str, name: str) -> str:
        """A float64 tensor through a float64 operator, rounded to float32, which hides how a batch's end differs."""
        return self.builder.cast(self.builder.cast(self.node(op_type, name), np.float32), np.float64)


Written = str | tuple[str, str]
Operator = Callable[..., Written]
"""Writer, what the node says of its result, and the node's arguments, to a tensor's name, or it and its kind."""

OPERATORS: dict[str, Operator] = {}


def _operator(*names: str) -> Callable[[Operator], Operator]:
    def keep(function: Operator) -> Operator:
        OPERATORS.update(dict.fromkeys(names, function))
        return function

    return keep


def _axis(value: Rows, axis: int) -> int:
    """An axis counted from the first; that of the rows is refused."""
    found = axis + value.rank if axis < 0 else axis
    if found == 0:
        raise InvalidInput("it works across the rows of a batch", expected="a row's result to depend on that row alone")
    return found


def _axes(value: Rows, axes: Any) -> list[int]:
    if axes is None or not len(axes := [axes] if isinstance(axes, int) else list(axes)):
        raise InvalidInput("it works across the rows of a batch", expected="a row's result to depend on that row alone")
    return [_axis(value, axis) for axis in axes]


# --- arithmetic


def _arithmetic(op_type: str, swapped: bool = False) -> Operator:
    def write(to: Writer, kind: str, left: Any, right: Any, *, alpha: float = 1) -> Written:
        first, second = to.name(left, kind), to.name(right, kind)
        if alpha != 1:
            second = to.node("Mul", second, to.name(alpha, kind))
        return to.node(op_type, *((second, first) if swapped else (first, second))), kind

    return write


for _name, _op in (("add", "Add"), ("sub", "Sub"), ("mul", "Mul")):
    _operator(f"{_name}.Tensor", f"{_name}.Scalar")(_arithmetic(_op))
_operator("rsub.Scalar", "rsub.Tensor")(_arithmetic("Sub", swapped=True))
_operator("maximum.default")(_arithmetic("Max"))
_operator("minimum.default")(_arithmetic("Min"))


@_operator("div.Tensor", "div.Scalar")
def _divide(to: Writer, kind: str, left: Any, right: Any) -> Written:
    return to.node("Div", to.name(left), to.name(right))


@_operator("pow.Tensor_Scalar")
def _power(to: Writer, kind: str, value: Any, exponent: float) -> Written:
    if exponent == 2:
        return to.node("Mul", to.name(value), to.name(value))
    return to.node("Pow", to.name(value), to.number(float(exponent)))


for _name, _op in (("neg", "Neg"), ("abs", "Abs"), ("sqrt", "Sqrt"), ("floor", "Floor"), ("reciprocal", "Reciprocal")):
    _operator(f"{_name}.default")(lambda to, kind, value, _op=_op: to.node(_op, to.name(value)))
for _name, _op in (("exp", "Exp"), ("tanh", "Tanh"), ("sigmoid", "Sigmoid"), ("erf", "Erf")):
    _operator(f"{_name}.default")(lambda to, kind, value, _op=_op: to.by_single(_op, to.name(value)))
for _name, _op in (("log", "Log"), ("sin", "Sin"), ("cos", "Cos")):
    _operator(f"{_name}.default")(lambda to, kind, value, _op=_op: to.by_double(_op, to.name(value)))


@_operator("rsqrt.default")
def _rsqrt(to: Writer, kind: str, value: Any) -> Written:
    return to.node("Reciprocal", to.node("Sqrt", to.name(value)))


@_operator("expm1.default")
def _expm1(to: Writer, kind: str, value: Any) -> Written:
    return to.node("Sub", to.by_single("Exp", to.name(value)), to.number(1.0))


@_operator("log1p.default")
def _log1p(to: Writer, kind: str, value: Any) -> Written:
    return to.by_double("Log", to.node("Add", to.name(value), to.number(1.0)))


# --- activations


@_operator("relu.default")
def _relu(to: Writer, kind: str, value: Any) -> Written:
    return to.node("Max", to.name(value), to.number(0.0))


@_operator("clamp.default", "hardtanh.default")
def _clamp(to: Writer, kind: str, value: Any, smallest: Any = None, largest: Any = None, **named: Any) -> Written:
    name = to.name(value, kind)
    smallest, largest = named.get("min", smallest), named.get("max", largest)
    if smallest is not None:
        name = to.node("Max", name, to.name(smallest, kind))
    return (name if largest is None else to.node("Min", name, to.name(largest, kind))), kind


@_operator("leaky_relu.default")
def _leaky_relu(to: Writer, kind: str, value: Any, slope: float = 0.01) -> Written:
    name, zero = to.name(value), to.number(0.0)
    return to.node("Add", to.node("Max", name, zero), to.node("Mul", to.node("Min", name, zero), to.number(slope)))


@_operator("elu.default")
def _elu(
    to: Writer, kind: str, value: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Written:
    name, zero = to.name(value), to.number(0.0)
    below = to.node("Mul", to.node("Min", name, zero), to.number(input_scale))
    curve = to.node("Mul", to.node("Sub", to.by_single("Exp", below), to.number(1.0)), to.number(alpha))
    return to.node("Mul", to.node("Add", to.node("Max", name, zero), curve), to.number(scale))


@_operator("gelu.default")
def _gelu(to: Writer, kind: str, value: Any, *, approximate: str = "none") -> Written:
    name = to.name(value)
    if approximate == "tanh":
        cube = to.node("Mul", to.node("Mul", name, name), name)
        inner = to.node("Add", name, to.node("Mul", cube, to.number(0.044715)))
        share = to.by_single("Tanh", to.node("Mul", inner, to.number(math.sqrt(2.0 / math.pi))))
    else:
        share = to.by_single("Erf", to.node("Mul", name, to.number(math.sqrt(0.5))))
    return to.node("Mul", to.node("Mul", name, to.number(0.5)), to.node("Add", share, to.number(1.0)))


@_operator("silu.default")
def _silu(to: Writer, kind: str, value: Any) -> Written:
    name = to.name(value)
    return to.node("Mul", name, to.by_single("Sigmoid", name))


@_operator("softplus.default")
def _softplus(to: Writer, kind: str, value: Any, beta: float = 1.0, threshold: float = 20.0) -> Written:
    scaled = to.node("Mul", to.name(value), to.number(beta))
    small = to.by_single("Exp", to.node("Neg", to.node("Abs", scaled)))
    curve = to.by_double("Log", to.node("Add", small, to.number(1.0)))
    return to.node("Div", to.node("Add", to.node("Max", scaled, to.number(0.0)), curve), to.number(beta))


@_operator("_softmax.default", "softmax.int")
def _softmax(to: Writer, kind: str, value: Rows, axis: int, _: Any = None) -> Written:
    at = to.integers(_axis(value, axis))
    name = to.name(value)
    powers = to.by_single("Exp", to.node("Sub", name, to.node("ReduceMax", name, at)))
    return to.node("Div", powers, to.node("ReduceSum", powers, at))


# --- layers


@_operator("mm.default", "bmm.default", "matmul.default")
def _product(to: Writer, kind: str, left: Any, right: Any) -> Written:
    return to.node("MatMul", to.name(left), to.name(right))


@_operator("addmm.default")
def _addmm(to: Writer, kind: str, bias: Any, left: Any, right: Any, *, beta: float = 1, alpha: float = 1) -> Written:
    if (beta, alpha) != (1, 1):
        raise InvalidInput(f"addmm with beta={beta}, alpha={alpha}", expected="a plain Linear")
    return to.node("Add", to.node("MatMul", to.name(left), to.name(right)), to.name(bias))


@_operator("linear.default")
def _linear(to: Writer, kind: str, value: Any, weight: Any, bias: Any = None) -> Written:
    product = to.node("MatMul", to.name(value), to.name(weight.detach().T))
    return product if bias is None else to.node("Add", product, to.name(bias))


@_operator("native_layer_norm.default", "layer_norm.default")
def _layer_norm(
    to: Writer,
    kind: str,
    value: Rows,
    shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    epsilon: float = 1e-5,
    _: bool = False,
) -> Written:
    if value.rank <= len(shape):
        raise InvalidInput("it works across the rows of a batch", expected="a row's result to depend on that row alone")
    axes = to.integers(*range(value.rank - len(shape), value.rank))
    name = to.name(value)
    centred = to.node("Sub", name, to.node("ReduceMean", name, axes))
    variance = to.node("ReduceMean", to.node("Mul", centred, centred), axes)
    scaled = to.node("Div", centred, to.node("Sqrt", to.node("Add", variance, to.number(epsilon))))
    scaled = scaled if weight is None else to.node("Mul", scaled, to.name(weight))
    return scaled if bias is None else to.node("Add", scaled, to.name(bias))


@_operator("_native_batch_norm_legit_no_training.default")
def _batch_norm(
    to: Writer, kind: str, value: Rows, weight: Any, bias: Any, mean: Any, variance: Any, _: float, epsilon: float
) -> Written:
    scale = 1.0 / np.sqrt(variance.detach().double().cpu().numpy() + epsilon)
    if weight is not None:
        scale = scale * weight.detach().double().cpu().numpy()
    shift = -mean.detach().double().cpu().numpy() * scale
    if bias is not None:
        shift = shift + bias.detach().double().cpu().numpy()
    shape = (-1, *[1] * (value.rank - 2))
    return to.node("Add", to.node("Mul", to.name(value), to.name(scale.reshape(shape))), to.name(shift.reshape(shape)))


@_operator("batch_norm.default")
def _batch_norm_whole(
    to: Writer,
    kind: str,
    value: Rows,
    weight: Any,
    bias: Any,
    mean: Any,
    variance: Any,
    is_training: bool,
    momentum: float,
    epsilon: float,
    _: bool,
) -> Written:
    if is_training or mean is None:
        raise InvalidInput("its mean is that of the batch", expected="track_running_stats=True")
    return _batch_norm(to, kind, value, weight, bias, mean, variance, momentum, epsilon)


@_operator("embedding.default")
def _embedding(to: Writer, kind: str, weight: Any, index: Rows, *_: Any, **__: Any) -> Written:
    # PyTorch raises for an index beyond the table; a batch must not fail for one row of it: the nearest one counts.
    last = to.integers(weight.shape[0] - 1)
    inside = to.node("Min", to.node("Max", to.name(index, "integer"), to.integers(0)), last)
    return to.node("Gather", to.name(weight), inside, axis=0)


# --- shapes


@_operator("clone.default", "alias.default", "detach.default", "lift_fresh_copy.default", "contiguous.default")
def _same(to: Writer, kind: str, value: Rows, **_: Any) -> Written:
    return value.name, value.kind


@_operator("dropout.default")
def _dropout(to: Writer, kind: str, value: Rows, _: float, is_training: bool) -> Written:
    if is_training:
        raise InvalidInput("it draws at random in evaluation too", expected="a layer that follows eval()")
    return value.name, value.kind


@_operator("_to_copy.default", "to.dtype")
def _cast(to: Writer, kind: str, value: Rows, *_: Any, **__: Any) -> Written:
    if value.kind == "float" and kind == "integer":
        known = to.builder.where(to.node("IsNaN", value.name), to.number(0.0), value.name)
        inside = to.node("Min", to.node("Max", known, to.number(-_LARGEST_INTEGER)), to.number(_LARGEST_INTEGER))
        return to.builder.cast(inside, np.int64), kind
    return to.name(value, kind), kind


@_operator("slice.Tensor")
def _slice(
    to: Writer, kind: str, value: Rows, axis: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Written:
    first, last = start or 0, (1 << 62) if end is None else min(end, 1 << 62)
    if (first, last, step) == (0, 1 << 62, 1):
        return value.name, value.kind
    at = to.integers(_axis(value, axis))
    return to.node("Slice", value.name, to.integers(first), to.integers(last), at, to.integers(step)), value.kind


@_operator("select.int")
def _select(to: Writer, kind: str, value: Rows, axis: int, index: int) -> Written:
    place = to.builder.constant(np.array(index, np.int64))
    return to.node("Gather", value.name, place, axis=_axis(value, axis)), value.kind


@_operator("index_select.default")
def _index_select(to: Writer, kind: str, value: Rows, axis: int, index: Any) -> Written:
    return to.node("Gather", value.name, to.name(index, "integer"), axis=_axis(value, axis)), value.kind


@_operator("cat.default")
def _concatenate(to: Writer, kind: str, values: Sequence[Any], axis: int = 0) -> Written:
    rows = next(value for value in values if isinstance(value, Rows))
    if not all(isinstance(value, Rows) for value in values):
        raise InvalidInput("it joins a constant to the rows", expected="cat of tensors that have a row for each row")
    return to.node("Concat", *[to.name(value, kind) for value in values], axis=_axis(rows, axis)), kind


@_operator("squeeze.dims", "squeeze.dim")
def _squeeze(to: Writer, kind: str, value: Rows, axes: Any) -> Written:
    return to.node("Squeeze", value.name, to.integers(*_axes(value, axes))), value.kind


@_operator("unsqueeze.default")
def _unsqueeze(to: Writer, kind: str, value: Rows, axis: int) -> Written:
    found = axis + value.rank + 1 if axis < 0 else axis
    if found == 0:
        raise InvalidInput("it works across the rows of a batch", expected="a row's result to depend on that row alone")
    return to.node("Unsqueeze", value.name, to.integers(found)), value.kind


@_operator("view.default", "_unsafe_view.default", "reshape.default")
def _view(to: Writer, kind: str, value: Rows, shape: Sequence[Any]) -> Written:
    if not isinstance(shape[0], Rows) or any(isinstance(size, Rows) for size in shape[1:]):
        raise InvalidInput("it mixes rows with another axis", expected="a shape that begins with the number of rows")
    return to.node("Reshape", value.name, to.integers(0, *shape[1:])), value.kind


@_operator("permute.default")
def _permute(to: Writer, kind: str, value: Rows, axes: Sequence[int]) -> Written:
    order = [axis + value.rank if axis < 0 else axis for axis in axes]
    if order[0] != 0:
        raise InvalidInput("it moves the axis of the rows", expected="rows on the first axis")
    return to.node("Transpose", value.name, perm=order), value.kind


# --- sums over a row


def _reduction(op_type: str) -> Operator:
    def write(to: Writer, kind: str, value: Rows, axes: Any = None, keep: bool = False, **_: Any) -> Written:
        return to.node(op_type, to.name(value), to.integers(*_axes(value, axes)), keepdims=int(keep))

    return write


for _name, _op in (("mean.dim", "Mean"), ("sum.dim_IntList", "Sum"), ("amax.default", "Max"), ("amin.default", "Min")):
    _operator(_name)(_reduction(f"Reduce{_op}"))
for _name, _op in (("max.dim", "Max"), ("min.dim", "Min")):  # of the places, their second result, nothing is written
    _operator(_name)(_reduction(f"Reduce{_op}"))


# --- choices


def _comparison(operator: str) -> Operator:
    def write(to: Writer, kind: str, left: Any, right: Any) -> Written:
        return to.builder.compare(operator, to.name(left), to.name(right)), "boolean"

    return write


for _name, _op in (("eq", "=="), ("ne", "!="), ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">=")):
    _operator(f"{_name}.Scalar", f"{_name}.Tensor")(_comparison(_op))


@_operator("where.self")
def _where(to: Writer, kind: str, condition: Any, chosen: Any, otherwise: Any) -> Written:
    return to.builder.where(to.name(condition, "boolean"), to.name(chosen, kind), to.name(otherwise, kind)), kind


@_operator("isnan.default")
def _isnan(to: Writer, kind: str, value: Any) -> Written:
    return to.node("IsNaN", to.name(value)), "boolean"


@_operator("logical_not.default", "bitwise_not.default")
def _not(to: Writer, kind: str, value: Any) -> Written:
    return to.node("Not", to.name(value, "boolean")), "boolean"


for _name, _op in (("and", "And"), ("or", "Or")):
    for _kind in ("logical_{}.default", "bitwise_{}.Tensor"):
        _operator(_kind.format(_name))(
            lambda to, kind, left, right, _op=_op: (
                to.node(_op, to.name(left, "boolean"), to.name(right, "boolean")),
                "boolean",
            )
        )

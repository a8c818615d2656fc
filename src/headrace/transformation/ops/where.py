"""ops.where: one value or another, by a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType, as_kind, unify

__all__ = ["Where"]


@dataclass(frozen=True)
class Where(Op):
    """`ops.where(condition, a, b)`: a where the condition is True, else b.

    Both are computed; the kinds are made one: boolean, then integer, then number; otherwise they must be equal. None
    as a or b is null.

    Nulls: a null condition counts as not True, as in SQL's CASE: the result is b. The result is null where the value
    chosen is.

    Raises InvalidInput when the condition is not boolean, or a and b are of kinds that cannot be one.
    Cost: one node; three more for integers and booleans that can be null.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"early": ops.where(x.delay < 0, -x.delay, 0)}).text(5)
    'where((x.delay < 0), (x.delay * -1), 0)'
    """

    num_inputs: ClassVar[tuple[int, int | None]] = (3, 3)
    input_names: ClassVar[tuple[str, ...]] = ("condition", "chosen", "otherwise")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """The branches' common kind."""
        if inputs[0].kind != "boolean":
            raise InvalidInput(f"the condition is {inputs[0].kind}", expected="a boolean, such as x.a > 5")
        kind = unify(inputs[1:], "the branches of ops.where")
        return ValueType(
            kind,
            any(item.is_nullable for item in inputs[1:]),
            all(item.is_categorical for item in inputs[1:]),
        )

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """One Where; for booleans, which ONNX Runtime's Where does not take, And and Or."""
        condition = inputs[0].name
        kind = unify([ValueType(item.kind) for item in inputs[1:]], "the branches")
        a, b = (as_kind(builder, item, kind) for item in inputs[1:])
        present = None
        if a.present is not None or b.present is not None:
            yes = builder.constant(np.array([True]))
            present = _choose(builder, condition, a.present or yes, b.present or yes)
        if kind == "boolean":
            return Value(_choose(builder, condition, a.name, b.name), kind, present)
        return Value(builder.where(condition, a.name, b.name), kind, present)


def _choose(builder: GraphBuilder, condition: str, a: str, b: str) -> str:
    if a == b:
        return a
    otherwise = builder.node("Not", [condition])
    return builder.node("Or", [builder.node("And", [condition, a]), builder.node("And", [otherwise, b])])

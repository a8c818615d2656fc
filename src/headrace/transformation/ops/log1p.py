"""ops.log1p: a number on a logarithmic scale that begins at 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Log1p"]


@dataclass(frozen=True)
class Log1p(Op):
    """`ops.log1p(x.price)`: the natural logarithm of 1 + value: 0 stays 0, and a tail ten times longer adds 2.3.

    For amounts, counts and durations, before a linear model or a neural network; trees have no use for it. The sum
    1 + value is rounded to float64 first: below about 1e-8 the result keeps fewer digits than NumPy's log1p.

    Nulls: null stays null. -1 gives minus infinity; below -1 there is no logarithm, and the result is null.

    Raises InvalidInput for text. Cost: four nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"price": ops.log1p(x.price)}).text(1)
    'log1p(x.price)'
    """

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no logarithm", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Add and Log in float64; what has no logarithm is NaN of one bit pattern."""
        moved = builder.node("Add", [builder.as_number(inputs[0]), builder.number(1.0)])
        has_one = builder.compare(">=", moved, builder.number(0.0))
        return Value(builder.steady("Log", builder.where(has_one, moved, builder.number(np.nan))), "number")

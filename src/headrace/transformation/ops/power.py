"""The operator **."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Power"]


@dataclass(frozen=True)
class Power(Op):
    """A value to a constant power: what `x.a ** 2` records. The result is a number.

    The exponent must be constant because a kernel treats one exponent for all rows unlike one a row, and a batch of
    one row looks like the former.

    Parameters
    ----------
    exponent : int or float
        Finite. 2 and 3 are multiplications, 0.5 is a square root; others are the C library's pow, in float64.

    Nulls: null where the value is. What has no real result, such as (-1) ** 0.5, is NaN, which is null.

    Raises InvalidInput for text or an exponent that is not finite. Cost: one node, two for 3.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"area": x.side ** 2}).text(1)
    '(x.side ** 2)'
    """

    exponent: float

    def __post_init__(self) -> None:
        if isinstance(self.exponent, bool) or not isinstance(self.exponent, (int, float)):
            raise InvalidInput(f"exponent {self.exponent!r}", expected="a number")
        if not math.isfinite(self.exponent) or abs(self.exponent) > 2**53:
            raise InvalidInput(f"exponent {self.exponent!r} is out of range", expected="a finite number")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text cannot be used with **", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Mul, Sqrt or Pow in float64."""
        value = builder.as_number(inputs[0])
        if self.exponent in (2, 3):
            square = builder.node("Mul", [value, value])
            return Value(square if self.exponent == 2 else builder.node("Mul", [square, value]), "number")
        if self.exponent == 0.5:
            return Value(builder.node("Sqrt", [value]), "number")
        power = builder.node("Pow", [value, builder.number(float(self.exponent))])
        if self.exponent == 0:  # C says NaN ** 0 is 1; here null stays null
            power = builder.where(builder.node("IsNaN", [value]), value, power)
        return Value(power, "number")

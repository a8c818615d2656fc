"""ops.cyclical: a number that comes round again, as a point on a circle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput, UnknownName
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Cyclical"]

_GRID = 2.0**40  # the kernels of sine and cosine differ by 1e-16, which near 0 is everything
_PARTS = {"sin": "Sin", "cos": "Cos"}


@dataclass(frozen=True)
class Cyclical(Op):
    """`ops.cyclical(x.hour, period=24, part="sin")`: one coordinate of the value's point on a circle.

    With both parts 23 o'clock is as near to midnight as 1 o'clock is, which a linear model or a neural network cannot
    see in the numbers 23, 0 and 1. Trees need neither.

    Parameters
    ----------
    period : float
        After how much the value comes round: 24 for hours, 7 for days of the week, 360 for degrees. Above 0.
    part : str
        "sin" or "cos": give a feature of each.

    The value is taken modulo the period first, so that a large one loses no more digits than the division costs; the
    result is a multiple of 2^-40, so that a quarter of a turn gives 0 and 1, not nearly.

    Nulls: null stays null; an infinite value is nowhere on a circle, and gives null.

    Raises InvalidInput for text or a period that is not above 0, UnknownName for another part. Cost: nine nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"hour_sin": ops.cyclical(x.hour, period=24, part="sin")}).text(1)
    "cyclical(x.hour, period=24, part='sin')"
    """

    period: float
    part: str

    def __post_init__(self) -> None:
        period: Any = self.period
        if isinstance(period, bool) or not isinstance(period, (int, float)) or not 0.0 < period < math.inf:
            raise InvalidInput(f"period = {period!r}", expected="a number above 0")
        if self.part not in _PARTS:
            raise UnknownName("part of ops.cyclical", str(self.part), _PARTS)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text does not come round", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Mod, Mul and Sin or Cos in float64."""
        period = builder.number(float(self.period))
        rest = builder.node("Mod", [builder.as_number(inputs[0]), period], fmod=1)  # exact
        turns = builder.node("Div", [rest, period])
        angle = builder.node("Mul", [turns, builder.number(2.0 * math.pi)])
        scaled = builder.node("Mul", [builder.steady(_PARTS[self.part], angle), builder.number(_GRID)])
        return Value(builder.node("Div", [builder.node("Round", [scaled]), builder.number(_GRID)]), "number")

"""ops.min_max: a number by its place between the smallest and the largest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.fold import Distribution, Fold
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops.clip import Clip

__all__ = ["MinMax"]


@dataclass(frozen=True)
class MinMax(Op):
    """`ops.min_max(x.distance)`: (value - smallest) / (largest - smallest), of the rows the transform is fitted on.

    So 0 is the smallest value of those rows and 1 the largest; one that they did not hold may lie outside, unless
    `clip` holds it. Where extremes are far out, `ops.robust_scale` keeps the rest apart better.

    Parameters
    ----------
    clip : bool
        Whether what lies outside 0..1 becomes 0 or 1.

    Nulls: null stays null; nulls, NaN and infinities are left out of smallest and largest, which are exact. Where the
    values never varied, or there were none, every finite value gives 0, and an infinite one null.

    Raises InvalidInput for text. Cost: one fold over the column; two nodes, six with `clip`.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"far": ops.min_max(x.distance)}).text(1)
    'min_max(x.distance)'
    """

    clip: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.clip, bool):
            raise InvalidInput(f"clip = {self.clip!r}", expected="True or False")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no smallest and largest", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The column's distribution."""
        return Distribution(columns[0], kinds[0])

    def constants(self, result: Any) -> dict[str, Any]:
        """The smallest, and a width that may divide: infinite where nothing varied, or the width is no float64."""
        low, high = (math.nan if edge is None else float(edge) for edge in (result.min, result.max))
        width = high - low
        return {"low": low if low == low else 0.0, "width": width if 0.0 < width < math.inf else math.inf}

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Sub and Div in float64."""
        above = builder.node("Sub", [builder.as_number(inputs[0]), builder.number(constants["low"])])
        share = Value(builder.node("Div", [above, builder.number(constants["width"])]), "number")
        return Clip(low=0.0, high=1.0).build(builder, [share], {}) if self.clip else share

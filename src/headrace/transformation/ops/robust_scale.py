"""ops.robust_scale: a number by its distance from the median, in quartile ranges."""

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

__all__ = ["RobustScale"]


@dataclass(frozen=True)
class RobustScale(Op):
    """`ops.robust_scale(x.price)`: (value - median) / (upper quartile - lower quartile), of the rows it is fitted on.

    A z-score that a few wild values cannot move. Quantiles are linear between neighbours, as NumPy's default; exact
    up to 65,536 distinct values, and within 2^-9 of the value beyond.

    Nulls: null stays null; nulls, NaN and infinities are left out of median and quartiles. Where the quartiles are
    equal, or there were no values, every finite value gives 0, and an infinite one null.

    Raises InvalidInput for text. Cost: one fold over the column; two nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"price": ops.robust_scale(x.price)}).text(1)
    'robust_scale(x.price)'

    Source: median and interquartile range as scikit-learn's RobustScaler.
    """

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no median", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The column's distribution."""
        return Distribution(columns[0], kinds[0])

    def constants(self, result: Any) -> dict[str, Any]:
        """The median, and a width that may divide: infinite where the quartiles are equal."""
        low, middle, high = (float(edge) for edge in result.quantiles([0.25, 0.5, 0.75]))
        width = high - low
        return {
            "median": middle + 0.0 if math.isfinite(middle) else 0.0,  # -0.0 and 0.0 are one median
            "width": width if 0.0 < width < math.inf else math.inf,
        }

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Sub and Div in float64."""
        centred = builder.node("Sub", [builder.as_number(inputs[0]), builder.number(constants["median"])])
        return Value(builder.node("Div", [centred, builder.number(constants["width"])]), "number")

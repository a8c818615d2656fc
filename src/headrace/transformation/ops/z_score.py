"""ops.z_score: a number in standard deviations from its mean."""

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

__all__ = ["ZScore"]


@dataclass(frozen=True)
class ZScore(Op):
    """`ops.z_score(x.dep_delay)`: (value - mean) / standard deviation, of the rows the transform is fitted on.

    Mean and population standard deviation are exact, over the finite values; the result is computed in float64.

    Nulls: null stays null; nulls, NaN and infinities are left out of mean and deviation. Where the values never varied,
    or there were none, every finite value gives 0 (TFT does the same for a constant; an infinite one is then null).

    Raises InvalidInput for text. Cost: one fold over the column; two nodes, shared by all z-scores that are features.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"delay": ops.z_score(x.dep_delay)}).text(1)
    'z_score(x.dep_delay)'

    Source: population variance as TFX Transform's scale_to_z_score.
    """

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no z-score", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The column's distribution."""
        return Distribution(columns[0], kinds[0])

    def constants(self, result: Any) -> dict[str, Any]:
        """Mean, and a deviation that may divide: infinite where nothing varied."""
        mean, std_dev = float(result.mean), float(result.std_dev)
        if not math.isfinite(mean) or not std_dev > 0.0:
            return {"mean": mean if math.isfinite(mean) else 0.0, "std_dev": math.inf}
        return {"mean": mean, "std_dev": std_dev}

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Sub and Div in float64."""
        centred = builder.node("Sub", [builder.as_number(inputs[0]), builder.number(constants["mean"])])
        return Value(builder.node("Div", [centred, builder.number(constants["std_dev"])]), "number")

"""ops.is_null: whether a value is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["IsNull"]


@dataclass(frozen=True)
class IsNull(Op):
    """`x.a.is_null()` or `ops.is_null(x.a)`: True where the value is null, else False.

    Nulls: for a number NaN is null, however it came about; '' is not null. The result is never null.

    Cost: one node; for texts one node for all columns.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"no_tail": x.tailnum.is_null()}).text(1)
    'is_null(x.tailnum)'
    """

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """boolean, never null."""
        return ValueType("boolean", is_nullable=False)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """IsNaN, Equal with the null text, or the missing bit."""
        null = builder.is_null(inputs[0])
        if null is None:  # False for each row, whatever the kind
            null = builder.compare("!=", inputs[0].name, inputs[0].name)
        return Value(null, "boolean")

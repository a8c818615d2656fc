"""ops.absolute: a number without its sign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType, as_kind

__all__ = ["Absolute"]


@dataclass(frozen=True)
class Absolute(Op):
    """`ops.absolute(x.delay)`, or `abs(x.delay)`: the size of a number, whatever its sign.

    An integer stays one (of -2^63 the size does not fit, and it stays what it is); a boolean counts as 0 or 1, a
    timestamp as its microseconds.

    Nulls: null stays null.

    Raises InvalidInput for text. Cost: one node.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"off": abs(x.delay)}).text(1)
    'absolute(x.delay)'
    """

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """integer or number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no sign", expected="a number, integer, boolean or timestamp")
        return ValueType("number" if inputs[0].kind == "number" else "integer", inputs[0].is_nullable)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Abs in float64 or int64."""
        value = inputs[0] if inputs[0].kind == "number" else as_kind(builder, inputs[0], "integer")
        return Value(builder.node("Abs", [value.name]), value.kind, value.present)

"""ops.cast: a value as another kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput, UnknownName
from headrace.model.columns import NULL_TEXT
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Cast"]

_KINDS = ("number", "integer", "boolean", "text")


@dataclass(frozen=True)
class Cast(Op):
    """`x.a.cast("integer")` or `ops.cast(x.a, kind="integer")`: the value as another kind.

    | from | to number | to integer | to boolean | to text |
    |---|---|---|---|---|
    | number | unchanged | towards zero | not 0 | refused |
    | integer | nearest float64 | unchanged | not 0 | decimal digits |
    | boolean | 0, 1 | 0, 1 | unchanged | refused |
    | timestamp | microseconds UTC | microseconds UTC | refused | refused |
    | text | refused | refused | refused | unchanged |

    Parameters
    ----------
    kind : str
        number, integer, boolean or text.

    Nulls: null stays null. A number beyond the range of 64 bits is null as an integer; an infinite number is.

    Raises UnknownName for another kind, InvalidInput for what is refused: the digits of a float, and what a text
    means, are not the same everywhere. Cost: one node; five from number to integer.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"hours": (x.minutes / 60).cast("integer")}).text(3)
    "cast((x.minutes / 60), kind='integer')"
    """

    kind: str

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise UnknownName("kind to cast to", str(self.kind), _KINDS)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """The kind asked for."""
        (value,) = inputs
        if value.kind != self.kind:
            texts = "text" in (value.kind, self.kind) and (value.kind, self.kind) != ("integer", "text")
            if texts or (value.kind, self.kind) == ("timestamp", "boolean"):
                raise InvalidInput(
                    f"{value.kind} cannot be cast to {self.kind}",
                    fix="prepare it before ingestion" if value.kind == "text" else "",
                )
        return ValueType(self.kind, value.is_nullable, value.is_categorical)  # type: ignore[arg-type]  # checked above

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Cast, with what cannot be cast masked before."""
        (value,) = inputs
        if value.kind == self.kind:
            return value
        if self.kind == "number":
            return Value(builder.as_number(value), "number")
        if self.kind == "integer":
            if value.kind == "number":
                return self._truncate(builder, value.name)
            name = builder.cast(value.name, np.int64) if value.kind == "boolean" else value.name
            return Value(name, "integer", value.present)
        if self.kind == "boolean":
            zero = builder.number(0.0) if value.kind == "number" else builder.integer(0)
            result = builder.compare("!=", value.name, zero)
            present = value.present
            if value.kind == "number":
                null = builder.is_null(value)
                assert null is not None
                present = builder.node("Not", [null])
            if present is not None:
                result = builder.node("And", [result, present])
            return Value(result, "boolean", present)
        digits = builder.cast(value.name, np.str_)
        if value.present is not None:
            digits = builder.where(value.present, digits, builder.text(NULL_TEXT))
        return Value(digits, "text")

    def _truncate(self, builder: GraphBuilder, name: str) -> Value:
        low, high = builder.number(-(2.0**63)), builder.number(2.0**63)
        fits = builder.node("And", [builder.compare(">=", name, low), builder.compare("<", name, high)])
        safe = builder.where(fits, name, builder.number(0.0))  # NaN and infinities would become -2^63, silently
        return Value(builder.cast(safe, np.int64), "integer", fits)

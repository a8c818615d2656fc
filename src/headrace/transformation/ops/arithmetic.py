"""The operators + - * / // %."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput, UnknownName
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType, as_kind, both_present

__all__ = ["Arithmetic"]

_OPERATORS = ("+", "-", "*", "/", "//", "%")


@dataclass(frozen=True)
class Arithmetic(Op):
    """Arithmetic of two values: what `x.a + x.b` and the like record.

    Two integers (a boolean counts as 0 or 1, a timestamp as its microseconds) stay int64, except under `/`; with a
    number on either side both are float64. An integer result that does not fit 64 bits wraps around.

    Parameters
    ----------
    operator : str
        + - * / // %. `//` rounds down; `%` has the sign of the divisor. For numbers `//` is floor(a / b).

    Nulls: null where either side is. An integer `//` or `%` by 0 is null; a number divided by 0 is IEEE 754's
    infinity, and 0 / 0 is NaN, which is null.

    Raises InvalidInput for text. Cost: one node; 4 to 10 for `//` and `%`.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"speed": x.distance / x.air_time}).text(2)
    '(x.distance / x.air_time)'
    """

    operator: str

    num_inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    input_names: ClassVar[tuple[str, ...]] = ("left", "right")

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise UnknownName("arithmetic operator", str(self.operator), _OPERATORS)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """integer or number."""
        for item in inputs:
            if item.kind in ("text", "null"):
                raise InvalidInput(
                    f"{item.kind} cannot be used with {self.operator}",
                    expected="numbers, integers, booleans or timestamps",
                    fix="ops.cross joins texts" if item.kind == "text" else "",
                )
        if self.operator == "/" or any(item.kind == "number" for item in inputs):
            return ValueType("number")
        return ValueType("integer", any(item.is_nullable for item in inputs) or self.operator in ("//", "%"))

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Nodes in float64 or int64."""
        if self.operator == "/" or any(item.kind == "number" for item in inputs):
            left, right = (builder.as_number(item) for item in inputs)
            return Value(self._number(builder, left, right), "number")
        a, b = (as_kind(builder, item, "integer") for item in inputs)
        present = both_present(builder, a, b)
        if self.operator in ("+", "-", "*"):
            op_type = {"+": "Add", "-": "Sub", "*": "Mul"}[self.operator]
            return Value(builder.node(op_type, [a.name, b.name]), "integer", present)
        divisor = builder.constant_value(b.name)
        if divisor is not None and int(divisor[0]) > 0:
            return Value(self._by_positive(builder, a.name, b.name), "integer", present)
        nonzero = builder.compare("!=", b.name, builder.integer(0))
        present = nonzero if present is None else builder.node("And", [present, nonzero])
        return Value(self._by_any(builder, a.name, b.name), "integer", present)

    def _number(self, builder: GraphBuilder, left: str, right: str) -> str:
        op_type = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div", "//": "Div", "%": "Mod"}[self.operator]
        if self.operator != "%":
            result = builder.node(op_type, [left, right])
            return builder.node("Floor", [result]) if self.operator == "//" else result
        rest = builder.node(op_type, [left, right], fmod=1)  # exact, with the sign of the dividend
        zero = builder.number(0.0)
        differ = builder.node("Xor", [builder.compare("<", rest, zero), builder.compare("<", right, zero)])
        moved = builder.node("And", [differ, builder.compare("!=", rest, zero)])
        return builder.where(moved, builder.node("Add", [rest, right]), rest)

    def _by_positive(self, builder: GraphBuilder, a: str, b: str) -> str:
        if self.operator == "%":
            return builder.node("Mod", [a, b])
        quotient = builder.node("Div", [a, b])  # towards zero: one too many where something negative is left
        is_above = builder.compare("<", a, builder.node("Mul", [quotient, b]))
        return builder.node("Sub", [quotient, builder.cast(is_above, np.int64)])

    def _by_any(self, builder: GraphBuilder, a: str, b: str) -> str:
        # A division by 0, and of -2^63 by -1, kills the process: both divide by 1 instead, and are put right after.
        zero, one, minus_one = builder.integer(0), builder.integer(1), builder.integer(-1)
        is_minus_one = builder.compare("==", b, minus_one)
        is_unsafe = builder.node("Or", [builder.compare("==", b, zero), is_minus_one])
        safe = builder.where(is_unsafe, one, b)
        if self.operator == "%":
            return builder.node("Mod", [a, safe])
        quotient = builder.node("Div", [a, safe])
        product = builder.node("Mul", [quotient, safe])
        is_negative = builder.compare("<", safe, zero)
        above = builder.node("And", [builder.compare("<", a, product), builder.node("Not", [is_negative])])
        below = builder.node("And", [builder.compare(">", a, product), is_negative])
        down = builder.cast(builder.node("Or", [above, below]), np.int64)
        return builder.where(is_minus_one, builder.node("Sub", [zero, a]), builder.node("Sub", [quotient, down]))

"""The operators & | ~."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.errors import InvalidInput, UnknownName
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Logic"]

_OPERATORS = ("and", "or", "not")


@dataclass(frozen=True)
class Logic(Op):
    """And, or, not of booleans: what `a & b`, `a | b` and `~a` record.

    Parameters
    ----------
    operator : str
        and, or (two inputs), not (one).

    Nulls: three-valued, as in SQL: null & False is False, null | True is True, otherwise null stays null.

    Raises InvalidInput for anything but booleans. Cost: one node; up to five more where nulls can be.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"rush": (x.hour > 6) & (x.hour < 10)}).text(5)
    '((x.hour > 6) & (x.hour < 10))'
    """

    operator: str

    num_inputs: ClassVar[tuple[int, int | None]] = (1, 2)

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise UnknownName("logic operator", str(self.operator), _OPERATORS)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """boolean."""
        if len(inputs) != (1 if self.operator == "not" else 2):
            raise InvalidInput(f"{len(inputs)} inputs for {self.operator}", expected="one for not, two for and, or")
        for item in inputs:
            if item.kind != "boolean":
                raise InvalidInput(
                    f"{item.kind} cannot be used with & | ~",
                    expected="booleans",
                    fix="compare first, each comparison in parentheses: (x.a > 1) & (x.b < 2)",
                )
        return ValueType("boolean", any(item.is_nullable for item in inputs))

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Kleene's logic on values that are False where null."""
        if self.operator == "not":
            return _not(builder, inputs[0])
        left, right = inputs
        if self.operator == "or":  # a | b = ~(~a & ~b)
            if left.present is None and right.present is None:
                return Value(builder.node("Or", [left.name, right.name]), "boolean")
            return _not(builder, _and(builder, _not(builder, left), _not(builder, right)))
        return _and(builder, left, right)


def _not(builder: GraphBuilder, value: Value) -> Value:
    result = builder.node("Not", [value.name])
    if value.present is not None:
        result = builder.node("And", [result, value.present])
    return Value(result, "boolean", value.present)


def _and(builder: GraphBuilder, left: Value, right: Value) -> Value:
    result = builder.node("And", [left.name, right.name])
    if left.present is None and right.present is None:
        return Value(result, "boolean")
    # Present where True, or where either side is a False that is no null.
    falses = [_not(builder, item).name for item in (left, right)]
    present = builder.node("Or", [result, builder.node("Or", falses)])
    return Value(result, "boolean", present)

"""ops.fill_null: something in place of what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType, as_kind, unify

__all__ = ["FillNull"]


@dataclass(frozen=True)
class FillNull(Op):
    """`x.a.fill_null(value)` or `ops.fill_null(x.a, value)`: the value where `x.a` is null, else `x.a`.

    The kinds are made one: boolean, then integer, then number; otherwise they must be equal.

    Nulls: NaN of a number is filled too. Where the filling is null itself, the result is.

    Raises InvalidInput for kinds that cannot be one. Cost: one or two nodes.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"delay": x.delay.fill_null(0.0)}).text(2)
    'fill_null(x.delay, 0.0)'
    """

    num_inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    input_names: ClassVar[tuple[str, ...]] = ("value", "filling")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """The common kind; null only where the filling can be."""
        value, filling = inputs
        kind = unify(inputs, "the value and its filling")
        return ValueType(kind, value.is_nullable and filling.is_nullable, value.is_categorical)

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Where; And and Or for booleans."""
        kind = unify([ValueType(item.kind) for item in inputs], "the value and its filling")
        null = builder.is_null(inputs[0]) if inputs[0].kind == "text" else None
        value, filling = (as_kind(builder, item, kind) for item in inputs)
        if kind in ("number", "text"):
            null = null or builder.is_null(value)
            name = value.name if null is None else builder.where(null, filling.name, value.name)
            return Value(name, kind)
        if value.present is None:
            return value
        present = None if filling.present is None else builder.node("Or", [value.present, filling.present])
        if kind == "boolean":
            missing = builder.node("Not", [value.present])
            filled = builder.node("Or", [value.name, builder.node("And", [missing, filling.name])])
            return Value(filled, kind, present)
        return Value(builder.where(value.present, value.name, filling.name), kind, present)

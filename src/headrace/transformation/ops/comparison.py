"""The operators == != < <= > >=."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from headrace.errors import InvalidInput, UnknownName
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType, as_kind, both_present, unify

__all__ = ["Comparison"]

_OPERATORS = ("==", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True)
class Comparison(Op):
    """A comparison of two values: what `x.a < x.b` and the like record. The result is boolean.

    Integers are compared as int64, exactly; with a number on either side both are float64 (an integer beyond 2^53 is
    rounded first). A timestamp is compared with a timestamp or with integer microseconds UTC.

    Parameters
    ----------
    operator : str
        == != < <= > >=; texts take == and != alone.

    Nulls: null where either side is, as in SQL; so `x.a != 5` is not True for a null. Test for null by `.is_null()`.

    Raises InvalidInput for kinds that cannot be compared. Cost: one node; one to three more where nulls can be.

    Examples
    --------
    >>> from headrace.transformation import trace
    >>> trace(lambda x: {"late": x.delay > 15}).text(2)
    '(x.delay > 15)'
    """

    operator: str

    num_inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    input_names: ClassVar[tuple[str, ...]] = ("left", "right")

    def __post_init__(self) -> None:
        if self.operator not in _OPERATORS:
            raise UnknownName("comparison", str(self.operator), _OPERATORS)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """boolean."""
        _common(inputs, self.operator)
        return ValueType("boolean", any(item.is_nullable for item in inputs))

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """One comparison, False where null."""
        kind = _common([ValueType(item.kind) for item in inputs], self.operator)
        left, right = (as_kind(builder, item, kind) for item in inputs)
        present = both_present(builder, left, right)
        result = builder.compare(self.operator, left.name, right.name)
        # NaN compares False with everything, and no literal is the null text: False already.
        is_false_where_null = (kind == "number" and self.operator != "!=") or (
            kind == "text"
            and self.operator == "=="
            and any(builder.constant_value(item.name) is not None for item in (left, right))
        )
        if present is not None and not is_false_where_null:
            result = builder.node("And", [result, present])
        return Value(result, "boolean", present)


def _common(types: Sequence[ValueType], operator: str) -> Any:
    left, right = (item.kind for item in types)
    if "null" in (left, right):
        raise InvalidInput("a comparison with null is null", fix="write .is_null()")
    if "timestamp" in (left, right) and {left, right} <= {"timestamp", "integer"}:
        return "integer"
    kind = unify(types, f"the sides of {operator}")
    if kind == "text" and operator not in ("==", "!="):
        raise InvalidInput(f"texts cannot be ordered by {operator}", expected="== or !=")
    return "integer" if kind == "boolean" else kind

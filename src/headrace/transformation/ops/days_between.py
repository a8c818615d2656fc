"""ops.days_between: the time from one moment to another, in days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType, both_present

__all__ = ["DaysBetween"]

_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class DaysBetween(Op):
    """`ops.days_between(x.ordered, x.delivered)`: days of 24 hours from the first moment to the second.

    Fractions count: 36 hours are 1.5. It is negative where the second moment is the earlier one.

    Nulls: null where either is.

    Raises InvalidInput for kinds other than timestamp. Cost: three nodes, four with nulls. The difference is taken in
    whole microseconds, and rounded once.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"took": ops.days_between(x.ordered, x.delivered)}).text(2)
    'days_between(x.ordered, x.delivered)'
    """

    num_inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    input_names: ClassVar[tuple[str, ...]] = ("start", "end")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        for item in inputs:
            if item.kind != "timestamp":
                raise InvalidInput(f"{item.kind} is no moment", expected="two timestamps")
        return ValueType("number")

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Sub in int64, Div in float64."""
        start, end = inputs
        present = both_present(builder, start, end)
        apart = builder.cast(builder.node("Sub", [end.name, start.name]), np.float64)
        days = builder.node("Div", [apart, builder.number(float(_DAY_US))])
        return Value(days if present is None else builder.where(present, days, builder.number(np.nan)), "number")

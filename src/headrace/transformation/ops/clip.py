"""ops.clip: a number held between two limits."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.errors import InvalidInput
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["Clip"]

_MOST = sys.float_info.max


@dataclass(frozen=True)
class Clip(Op):
    """`ops.clip(x.delay, low=0, high=60)`: the value, but `low` where it is below that and `high` where it is above.

    For a few extreme values that would stretch a z-score or a linear model; trees have no use for it. The result is a
    number: booleans are 0 and 1, timestamps microseconds since 1970 UTC, and so are their limits.

    Parameters
    ----------
    low, high : float or None
        Finite, `low` at most `high`; None = no limit on that side. One of them must be given.

    Nulls: null stays null, NaN with it. An infinity becomes the limit on its side, where there is one.

    Raises InvalidInput for text, or for other limits. Cost: two nodes a limit, in float64.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"delay": ops.clip(x.delay, low=0)}).text(1)
    'clip(x.delay, low=0)'
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            limit: Any = getattr(self, name)  # nothing has checked what was given
            if limit is None:
                continue
            # Comparing takes what float() and isfinite do not, such as 10**400.
            if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not -_MOST <= limit <= _MOST:
                raise InvalidInput(f"{name} = {str(limit)[:40]}", expected="a finite number or None")
        if self.low is None and self.high is None:
            raise InvalidInput("neither low nor high is given", expected="one of them, or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise InvalidInput(f"low = {self.low!r} is above high = {self.high!r}", expected="low at most high")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no limits", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """A comparison and a Where for each limit: null (NaN) is neither below nor above."""
        value = builder.as_number(inputs[0])
        if self.low is not None:
            low = builder.number(float(self.low))
            value = builder.where(builder.compare("<", value, low), low, value)
        if self.high is not None:
            high = builder.number(float(self.high))
            value = builder.where(builder.compare(">", value, high), high, value)
        return Value(value, "number")

"""ops.cross: one category out of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.model.columns import NULL_TEXT
from headrace.model.graph import GraphBuilder, Value
from headrace.transformation._contract import Op, ValueType

__all__ = ["SEPARATOR", "Cross"]

# ASCII's own "unit separator"; texts that contain it could give equal crosses from unequal parts.
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Cross(Op):
    """`ops.cross(x.origin, x.dest)`: the combination of categories as one text, for `ops.vocabulary`.

    Parts are texts, or integers written in decimal digits; they are joined by U+001F.

    Nulls: null where any part is; '' is a part like others.

    Raises InvalidInput for parts of other kinds. Cost: two nodes a part.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"route": ops.vocabulary(ops.cross(x.origin, x.dest), num_oov=16)}).text(3)
    'vocabulary(cross(x.origin, x.dest), num_oov=16)'
    """

    num_inputs: ClassVar[tuple[int, int | None]] = (2, None)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """text."""
        for item in inputs:
            if item.kind not in ("text", "integer"):
                raise InvalidInput(
                    f"{item.kind} cannot be crossed",
                    expected="text or integer",
                    fix="bucketize a number and cast it to integer first",
                )
        return ValueType("text", any(item.is_nullable for item in inputs))

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """StringConcat, the null text where any part is null."""
        joined = null = ""
        for item in inputs:
            part = item.name if item.kind == "text" else builder.cast(item.name, np.str_)
            if joined:
                before = builder.node("StringConcat", [joined, builder.text(SEPARATOR)])
                part = builder.node("StringConcat", [before, part])
            joined = part
            missing = builder.is_null(item)
            if missing is not None and missing != null:
                null = builder.node("Or", [null, missing]) if null else missing
        if null:
            joined = builder.where(null, builder.text(NULL_TEXT), joined)
        return Value(joined, "text")

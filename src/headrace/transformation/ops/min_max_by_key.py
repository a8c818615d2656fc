"""ops.min_max_by_key: a number between the smallest and the largest of its own group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.fold import ByKey, Distribution, Fold, lift
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops._categories import can_be_asked, check_key, look_up

__all__ = ["MinMaxByKey"]

_MOST = 200_000


@dataclass(frozen=True)
class MinMaxByKey(Op):
    """`ops.min_max_by_key(x.air_time, x.origin)`: (value - smallest) / (largest - smallest), of rows of the same key.

    Parameters
    ----------
    min_count : int
        A key with fewer finite values is measured by all rows, like a key that never came and like null.

    Nulls: null stays null; nulls, NaN and infinities are left out of smallest and largest, which are exact. Where a
    key's values never varied, every finite value of it gives 0, and an infinite one null.

    Raises InvalidInput for a value that is text, a key that is not text, integer or boolean, and beyond 200,000 keys.
    Cost: one fold over both columns, whose state is a distribution a key; seven nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"slow": ops.min_max_by_key(x.air_time, x.origin)}).text(2)
    'min_max_by_key(x.air_time, x.origin)'

    Source: as TFX Transform's scale_to_0_1_per_key, which gives an unknown key a sigmoid of the value.
    """

    min_count: int = 1

    num_inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    input_names: ClassVar[tuple[str, ...]] = ("value", "key")

    def __post_init__(self) -> None:
        least: Any = self.min_count  # nothing has checked what was given
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise InvalidInput(f"min_count = {least!r}", expected="a whole number from 1")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind in ("text", "null"):
            raise InvalidInput(
                f"{inputs[0].kind} has no smallest and largest", expected="a number, integer, boolean or timestamp"
            )
        check_key(inputs[1].kind)
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The distribution by key."""
        return lift(ByKey(Distribution(columns[0], kinds[0]), columns[1], kinds[1]))

    def constants(self, result: Any) -> dict[str, Any]:
        """By key and, last, of all rows: the smallest, and a width that may divide."""
        found: dict[Any, tuple[float, float]] = {}
        for place, key in enumerate(result.keys):
            own = result.by_key[place]
            if own.num_finite >= self.min_count and can_be_asked(key):
                found.setdefault(key, _measures(own))
        if len(found) > _MOST:
            raise InvalidInput(f"{len(found):,} keys", expected=f"at most {_MOST:,}", fix="give min_count")
        measures = [*found.values(), _measures(result.whole[0])]
        return {
            "keys": list(found),
            "lows": [low for low, _ in measures],
            "widths": [width for _, width in measures],
        }

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Two LabelEncoders, Sub and Div in float64."""
        value, key = inputs
        measures = []
        for name in ("lows", "widths"):
            *known, whole = constants[name]
            found = look_up(builder, key, constants["keys"], np.array(known, np.float64), default=whole)
            null = builder.is_null(key)
            measures.append(found if null is None else builder.where(null, builder.number(whole), found))
        above = builder.node("Sub", [builder.as_number(value), measures[0]])
        return Value(builder.node("Div", [above, measures[1]]), "number")


def _measures(own: Any) -> tuple[float, float]:
    low, high = (math.nan if edge is None else float(edge) for edge in (own.min, own.max))
    width = high - low
    return (low if low == low else 0.0), (width if 0.0 < width < math.inf else math.inf)

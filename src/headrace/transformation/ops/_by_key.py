"""What ops share that measure a number by the rows of its own key: (value - low) / width, both by key."""

from __future__ import annotations

from abc import abstractmethod
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

__all__ = ["ScaleByKey"]

_MOST = 200_000


@dataclass(frozen=True)
class ScaleByKey(Op):
    """A key with fewer than `min_count` finite values is measured by all rows, like one that never came and like null.

    A subclass says what is measured of a distribution.
    """

    min_count: int = 1

    num_inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    input_names: ClassVar[tuple[str, ...]] = ("value", "key")
    measured: ClassVar[str] = "measure"  # what text does not have

    def __post_init__(self) -> None:
        least: Any = self.min_count  # nothing has checked what was given
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise InvalidInput(f"min_count = {least!r}", expected="a whole number from 1")

    @abstractmethod
    def measures(self, group: Any) -> tuple[float, float]:
        """Of a group's distribution: what is taken off, finite, and a width that may divide: infinite for none."""

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind in ("text", "null"):
            raise InvalidInput(
                f"{inputs[0].kind} has no {self.measured}", expected="a number, integer, boolean or timestamp"
            )
        check_key(inputs[1].kind)
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The distribution by key."""
        return lift(ByKey(Distribution(columns[0], kinds[0]), columns[1], kinds[1]))

    def constants(self, result: Any) -> dict[str, Any]:
        """By key and, last, of all rows."""
        found: dict[Any, tuple[float, float]] = {}
        for place, key in enumerate(result.keys):
            group = result.by_key[place]
            if group.num_finite >= self.min_count and can_be_asked(key):
                found.setdefault(key, self.measures(group))
        if len(found) > _MOST:
            raise InvalidInput(f"{len(found):,} keys", expected=f"at most {_MOST:,}", fix="give min_count")
        every = [*found.values(), self.measures(result.whole[0])]
        return {"keys": list(found), "lows": [low for low, _ in every], "widths": [width for _, width in every]}

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

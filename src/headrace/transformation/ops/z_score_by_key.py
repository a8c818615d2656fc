"""ops.z_score_by_key: a number in standard deviations from the mean of its own group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from headrace.errors import InvalidInput
from headrace.fold import ByKey, Fold, Moments, lift
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops._categories import can_be_asked, check_key, look_up

__all__ = ["ZScoreByKey"]

_MOST = 200_000


@dataclass(frozen=True)
class ZScoreByKey(Op):
    """`ops.z_score_by_key(x.air_time, x.origin)`: (value - mean) / standard deviation, of the rows of the same key.

    Mean and population standard deviation are exact, over the finite values of the rows the transform is fitted on.

    Parameters
    ----------
    min_count : int
        A key with fewer finite values is measured by the mean and deviation of all rows, like a key that never came and
        like null.

    Nulls: null stays null; nulls, NaN and infinities are left out of mean and deviation. Where a key's values never
    varied, every finite value of it gives 0, and an infinite one null.

    Raises InvalidInput for a value that is text, a key that is not text, integer or boolean, and beyond 200,000 keys.
    Cost: one fold over both columns; seven nodes.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"slow": ops.z_score_by_key(x.air_time, x.origin)}).text(2)
    'z_score_by_key(x.air_time, x.origin)'

    Source: as TFX Transform's scale_to_z_score_per_key, which leaves the values of an unknown key as they are.
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
            raise InvalidInput(f"{inputs[0].kind} has no z-score", expected="a number, integer, boolean or timestamp")
        check_key(inputs[1].kind)
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """Exact moments by key."""
        return lift(ByKey(Moments(columns[0], kinds[0]), columns[1], kinds[1]))

    def constants(self, result: Any) -> dict[str, Any]:
        """By key and, last, of all rows: the mean, and a deviation that may divide."""
        found: dict[Any, tuple[float, float]] = {}
        by_key = result.by_key
        for place, key in enumerate(result.keys):
            if int(by_key.num_values[place]) >= self.min_count and can_be_asked(key):
                found.setdefault(key, _measures(float(by_key.mean[place]), float(by_key.std_dev[place])))
        if len(found) > _MOST:
            raise InvalidInput(f"{len(found):,} keys", expected=f"at most {_MOST:,}", fix="give min_count")
        measures = [*found.values(), _measures(float(result.whole.mean[0]), float(result.whole.std_dev[0]))]
        return {
            "keys": list(found),
            "means": [mean for mean, _ in measures],
            "std_devs": [std_dev for _, std_dev in measures],
        }

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """Two LabelEncoders, Sub and Div in float64."""
        value, key = inputs
        measures = []
        for name in ("means", "std_devs"):
            *known, whole = constants[name]
            found = look_up(builder, key, constants["keys"], np.array(known, np.float64), default=whole)
            null = builder.is_null(key)
            measures.append(found if null is None else builder.where(null, builder.number(whole), found))
        centred = builder.node("Sub", [builder.as_number(value), measures[0]])
        return Value(builder.node("Div", [centred, measures[1]]), "number")


def _measures(mean: float, std_dev: float) -> tuple[float, float]:
    if not math.isfinite(mean) or not std_dev > 0.0:
        return (mean if math.isfinite(mean) else 0.0), math.inf
    return mean, std_dev

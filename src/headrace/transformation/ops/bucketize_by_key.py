"""ops.bucketize_by_key: a number as the index of the bucket it falls into among its own group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.fold import ByKey, Distribution, Fold, lift
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops._categories import can_be_asked, check_key, look_up

__all__ = ["BucketizeByKey"]

_MOST_BUCKETS = 100
_MOST_EDGES = 2_000_000


@dataclass(frozen=True)
class BucketizeByKey(Op):
    """`ops.bucketize_by_key(x.fare, x.city, num_buckets=10)`: which tenth of its city's fares a fare is in, 0 first.

    Bucket i holds boundary[i - 1] <= value < boundary[i]; the boundaries are those `ops.bucketize` would have if it
    were fitted on the rows of the key alone.

    Parameters
    ----------
    num_buckets : int
        2 to 100.
    min_count : int
        A key with fewer finite values has the boundaries of all rows, like a key that never came and like null.

    Nulls: null stays null; nulls, NaN and infinities are left out of the quantiles. Where a key had no finite value,
    and with no row at all, every value is in bucket 0.

    Raises InvalidInput for a value that is text, a key that is not text, integer or boolean, and where keys times
    boundaries are more than 2,000,000. Cost: one fold over both columns, up to 1 MB a key of more than 65,536 distinct
    values; nine nodes, one comparison a boundary and row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"fare": ops.bucketize_by_key(x.fare, x.city, num_buckets=10)}).text(2)
    'bucketize_by_key(x.fare, x.city, num_buckets=10)'

    Source: as TFX Transform's bucketize_per_key, whose buckets of an unknown key are all -1.
    """

    num_buckets: int
    min_count: int = 1

    num_inputs: ClassVar[tuple[int, int | None]] = (2, 2)
    input_names: ClassVar[tuple[str, ...]] = ("value", "key")

    def __post_init__(self) -> None:
        for name, least, most in (("num_buckets", 2, _MOST_BUCKETS), ("min_count", 1, 2**63 - 1)):
            value: Any = getattr(self, name)  # nothing has checked what was given
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidInput(f"{name} = {value!r}", expected=f"a whole number from {least} to {most}")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number: a whole one, NaN where null."""
        if inputs[0].kind in ("text", "null"):
            raise InvalidInput(f"{inputs[0].kind} has no buckets", expected="a number, integer, boolean or timestamp")
        check_key(inputs[1].kind)
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """The distribution by key."""
        return lift(ByKey(Distribution(columns[0], kinds[0]), columns[1], kinds[1]))

    def constants(self, result: Any) -> dict[str, Any]:
        """The distinct quantiles by key and, last, of all rows."""
        found: dict[Any, list[float]] = {}
        for place, key in enumerate(result.keys):
            group = result.by_key[place]
            if group.num_finite >= self.min_count and can_be_asked(key):
                found.setdefault(key, self._edges(group))
        boundaries = [*found.values(), self._edges(result.whole[0])]
        if sum(map(len, boundaries)) > _MOST_EDGES:
            raise InvalidInput(
                f"{len(found):,} keys of {self.num_buckets} buckets",
                expected=f"at most {_MOST_EDGES:,} boundaries",
                fix="give min_count, or fewer buckets",
            )
        return {"keys": list(found), "boundaries": boundaries}

    def _edges(self, group: Any) -> list[float]:
        shares = [index / self.num_buckets for index in range(1, self.num_buckets)]
        edges: npt.NDArray[np.float64] = np.asarray(group.quantiles(shares), dtype=np.float64) + 0.0
        return list(np.unique(edges[np.isfinite(edges)]).tolist())

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """The key's row of a table of boundaries; a sum of comparisons, which is exact."""
        value, key = inputs
        boundaries = constants["boundaries"]
        whole = float(len(boundaries) - 1)
        # NaN is at most nothing: a shorter row counts no further.
        table = np.full((len(boundaries), max(1, *map(len, boundaries))), np.nan)
        for row, edges in enumerate(boundaries):
            table[row, : len(edges)] = edges
        place = look_up(
            builder, key, constants["keys"], np.arange(len(boundaries) - 1, dtype=np.float64), default=whole
        )
        null = builder.is_null(key)
        if null is not None:
            place = builder.where(null, builder.number(whole), place)
        index = builder.node("Squeeze", [builder.cast(place, np.int64), builder.integer(1)])
        own = builder.node("Gather", [builder.constant(table), index], axis=0)
        number = builder.as_number(value)
        passed = builder.cast(builder.compare("<=", own, number), np.int64)
        count = builder.cast(builder.node("ReduceSum", [passed, builder.integer(1)], keepdims=1), np.float64)
        return Value(builder.where(builder.node("IsNaN", [number]), builder.number(np.nan), count), "number")

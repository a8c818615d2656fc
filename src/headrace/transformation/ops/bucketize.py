"""ops.bucketize: a number as the index of the bucket it falls into."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.fold import Distribution, Fold
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType

__all__ = ["Bucketize"]

_MOST = 1000


@dataclass(frozen=True)
class Bucketize(Op):
    """`ops.bucketize(x.distance, num_buckets=10)`: the index of the bucket a value falls into, 0 first.

    Bucket i holds boundary[i - 1] <= value < boundary[i]. With `num_buckets`, the boundaries are the exact quantiles
    1/n .. (n - 1)/n of the rows the transform is fitted on (linear between neighbours, as NumPy's default), equal ones
    once: heavily repeated values make fewer buckets than asked for. The values are those of the fit: a window that
    rolls moves the boundaries, the same rows never do.

    Parameters
    ----------
    num_buckets : int, optional
        2 to 1,000.
    boundaries : sequence of float, optional
        Ascending, finite, up to 999 of them; instead of `num_buckets`. Nothing is then fitted.

    Nulls: null stays null, so trees see it as missing; nulls, NaN and infinities are left out of the quantiles. An
    infinite value falls into the first or last bucket. With no value to fit on, every value is in bucket 0.

    Raises InvalidInput for text, for neither or both parameters, or for boundaries out of order.
    Cost: one fold over the column with `num_buckets`; five nodes, one comparison a boundary and row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"far": ops.bucketize(x.distance, boundaries=[500, 1500])}).text(1)
    'bucketize(x.distance, boundaries=[500.0, 1500.0])'
    """

    num_buckets: int | None = None
    boundaries: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if (self.num_buckets is None) == (self.boundaries is None):
            raise InvalidInput("ops.bucketize takes num_buckets or boundaries", expected="one of them")
        if self.boundaries is None:
            if isinstance(self.num_buckets, bool) or not isinstance(self.num_buckets, int):
                raise InvalidInput(f"num_buckets = {self.num_buckets!r}", expected="a whole number")
            if not 2 <= self.num_buckets <= _MOST:
                raise InvalidInput(f"num_buckets = {self.num_buckets}", expected=f"2 to {_MOST}")
            return
        try:
            edges = tuple(float(item) for item in self.boundaries)
        except (TypeError, ValueError):
            raise InvalidInput(f"boundaries = {self.boundaries!r}", expected="a list of numbers") from None
        is_ascending = all(low < high for low, high in itertools.pairwise(edges))
        if not edges or len(edges) >= _MOST or not all(map(math.isfinite, edges)) or not is_ascending:
            raise InvalidInput(
                f"boundaries = {list(edges[:10])}",
                expected=f"1 to {_MOST - 1} finite numbers, each above the one before",
            )
        object.__setattr__(self, "boundaries", edges)

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number: a whole one, NaN where null."""
        if inputs[0].kind == "text":
            raise InvalidInput("text has no buckets", expected="a number, integer, boolean or timestamp")
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any] | None:
        """The column's distribution, unless the boundaries are given."""
        return Distribution(columns[0], kinds[0]) if self.boundaries is None else None

    def constants(self, result: Any) -> dict[str, Any]:
        """The distinct quantiles."""
        assert self.num_buckets is not None
        shares = [index / self.num_buckets for index in range(1, self.num_buckets)]
        edges = np.asarray(result.quantiles(shares), dtype=np.float64) + 0.0  # -0.0 and 0.0 are one boundary
        return {"boundaries": np.unique(edges[np.isfinite(edges)]).tolist()}

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """The number of boundaries not above the value: a sum of zeros and ones, exact in any order."""
        edges = np.array([constants["boundaries"] if self.boundaries is None else self.boundaries], dtype=np.float64)
        value = builder.as_number(inputs[0])
        if not edges.size:
            zero = builder.number(0.0)
            return Value(builder.where(builder.node("IsNaN", [value]), value, zero), "number")
        passed = builder.cast(builder.compare(">=", value, builder.constant(edges)), np.float64)
        axis = builder.constant(np.array([1], dtype=np.int64))
        bucket = passed if edges.size == 1 else builder.node("ReduceSum", [passed, axis], keepdims=1)
        return Value(builder.where(builder.node("IsNaN", [value]), value, bucket), "number")

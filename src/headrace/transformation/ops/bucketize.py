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

__all__ = ["Bucketize", "search"]

_MOST = 1000


@dataclass(frozen=True)
class Bucketize(Op):
    """`ops.bucketize(x.distance, num_buckets=10)`: the index of the bucket a value falls into, 0 first.

    Bucket i holds boundary[i - 1] <= value < boundary[i]. With `num_buckets`, the boundaries are the quantiles
    1/n .. (n - 1)/n of the rows the transform is fitted on (linear between neighbours, as NumPy's default), equal ones
    once: heavily repeated values make fewer buckets than asked for. They are exact up to 65,536 distinct values, and
    within 2^-9 of the value beyond; the same rows give the same boundaries in any order, to the bit.

    Parameters
    ----------
    num_buckets : int, optional
        2 to 1,000.
    boundaries : sequence of float, optional
        Ascending, finite, up to 999 of them; instead of `num_buckets`. Nothing is then fitted.

    Nulls: null stays null, so trees see it as missing; nulls, NaN and infinities are left out of the quantiles. An
    infinite value falls into the first or last bucket. With no value to fit on, every value is in bucket 0.

    Raises InvalidInput for text, for neither or both parameters, or for boundaries out of order.
    Cost: one fold over the column with `num_buckets`; one node, ten comparisons a row for 1,000 buckets.

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
        """One search tree: a comparison a level, whatever the number of buckets, and null decided at the root."""
        edges = constants["boundaries"] if self.boundaries is None else self.boundaries
        return Value(search(builder, builder.as_number(inputs[0]), edges), "number")


def search(builder: GraphBuilder, value: str, edges: Sequence[float]) -> str:
    """A float64 tensor: how many of the ascending edges each value is not below; NaN for NaN."""
    # Node 0 asks value < -infinity, which only a NaN "is": it tracks the missing to the leaf NaN.
    splits, true_ids, false_ids, true_leaves, false_leaves = [-math.inf], [0], [0], [1], [0]
    todo = [(0, False, 0, len(edges))]
    while todo:
        parent, side, first, last = todo.pop()
        ids, leaves = (true_ids, true_leaves) if side else (false_ids, false_leaves)
        if first == last:
            ids[parent], leaves[parent] = first, 1  # leaf i is bucket i
            continue
        middle, node = (first + last) // 2, len(splits)
        ids[parent] = node
        for row, start in ((splits, edges[middle]), (true_ids, 0), (false_ids, 0), (true_leaves, 0), (false_leaves, 0)):
            row.append(start)  # type: ignore[arg-type]  # thresholds are floats, the others ids
        todo += [(node, True, first, middle), (node, False, middle + 1, last)]
    true_ids[0] = len(edges) + 1
    return builder.node(
        "TreeEnsemble",
        [value],
        domain="ai.onnx.ml",
        n_targets=1,
        aggregate_function=1,  # sum, of one leaf
        post_transform=0,
        tree_roots=[0],
        nodes_featureids=[0] * len(splits),
        nodes_splits=np.array(splits, dtype=np.float64),
        nodes_modes=np.ones(len(splits), dtype=np.uint8),  # value < split goes the true way
        nodes_truenodeids=true_ids,
        nodes_trueleafs=true_leaves,
        nodes_falsenodeids=false_ids,
        nodes_falseleafs=false_leaves,
        nodes_missing_value_tracks_true=[1] + [0] * (len(splits) - 1),
        leaf_targetids=[0] * (len(edges) + 2),
        leaf_weights=np.array([*range(len(edges) + 1), math.nan], dtype=np.float64),
    )

"""ops.target_encode: a category as the mean of the label where it came."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headrace.errors import InvalidInput
from headrace.fold import ByKey, Fold, Totals, lift
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import LABEL, NUM_PARTS, Op, ValueType
from headrace.transformation.ops._categories import can_be_asked, look_up

__all__ = ["TargetEncode"]

_MOST = 200_000


@dataclass(frozen=True)
class TargetEncode(Op):
    """`ops.target_encode(x.tail_number)`: the label's mean in the rows of that category, drawn towards the mean of all.

    (sum of the category's labels + smoothing * m) / (number of its rows + smoothing), where m is the mean of all labels
    of the rows the transform is fitted on; for a binary label, how likely the positive value is. For categories with
    very many values.

    A row's own label never reaches it: in training, its value comes of the other four fifths of the rows (the parts are
    drawn by a hash of the row's key, so rows of equal key share one), and m too. In serving, in `apply` and in
    evaluation it comes of all of them.

    Parameters
    ----------
    smoothing : float
        How many rows of the mean of all are added to each category; from 0.
    min_count : int
        What came less often is m, like what never came.

    Nulls: null stays null. Rows whose label is null are left out. Where no row had a label, every value is null.

    Raises InvalidInput for kinds other than text, integer and boolean, for parameters out of range, for a data set
    without a label, and when more than 200,000 values would be kept.
    Cost: one fold over the column and the label; one node. Training features cost a pass over each fifth.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"tail": ops.target_encode(x.tail_number)}).text(1)
    'target_encode(x.tail_number)'

    Source: Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes"; out of fold, and
    with the values of scikit-learn's TargetEncoder(smooth=20.0) where there is no part to leave out.
    """

    smoothing: float = 20.0
    min_count: int = 1

    def __post_init__(self) -> None:
        smoothing: Any = self.smoothing  # nothing has checked what was given
        is_number = isinstance(smoothing, (int, float)) and not isinstance(smoothing, bool)
        if not is_number or not 0.0 <= smoothing <= sys.float_info.max:
            raise InvalidInput(f"smoothing = {str(smoothing)[:40]}", expected="a finite number from 0")
        least: Any = self.min_count
        if isinstance(least, bool) or not isinstance(least, int) or least < 1:
            raise InvalidInput(f"min_count = {least!r}", expected="a whole number from 1")

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """number."""
        if inputs[0].kind not in ("text", "integer", "boolean"):
            raise InvalidInput(
                f"{inputs[0].kind} has no categories", expected="text, integer or boolean", fix="ops.bucketize it first"
            )
        return ValueType("number")

    def fold(self, columns: Sequence[str], kinds: Sequence[Kind]) -> Fold[Any, Any]:
        """Count and sum of the labels, by category and part."""
        return lift(ByKey(Totals(LABEL), columns[0], kinds[0], num_parts=NUM_PARTS))

    def constants(self, result: Any) -> dict[str, Any]:
        """Of every value kept the counts and sums of its parts; those of all rows last."""
        counts, sums = (
            np.asarray(item, dtype)[: len(result.keys) * NUM_PARTS].reshape(-1, NUM_PARTS)
            for item, dtype in ((result.by_key.num_values, np.int64), (result.by_key.total, np.float64))
        )
        found: dict[Any, tuple[list[Any], list[Any]]] = {}
        for key, count, total in zip(result.keys, counts.tolist(), sums.tolist(), strict=True):
            if sum(count) >= self.min_count and can_be_asked(key):
                if key in found:  # two texts that are not UTF-8 may look equal
                    before = found[key]
                    count = [a + b for a, b in zip(count, before[0], strict=True)]
                    total = [a + b for a, b in zip(total, before[1], strict=True)]
                found[key] = count, total
        if len(found) > _MOST:
            raise InvalidInput(
                f"{len(found):,} categories", expected=f"at most {_MOST:,}", fix="give min_count, or ops.hash_bucket"
            )
        return {
            "values": list(found),
            "counts": [count for count, _ in found.values()] + [result.whole.num_values.tolist()],
            "sums": [total for _, total in found.values()] + [result.whole.total.tolist()],
        }

    def without_part(self, constants: Mapping[str, Any], part: int) -> Mapping[str, Any]:
        """The counts and sums of the other parts."""
        left_out = {
            name: [[0 if place == part else item for place, item in enumerate(row)] for row in constants[name]]
            for name in ("counts", "sums")
        }
        return {**constants, **left_out}

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """One LabelEncoder."""
        *counts, total_count = (sum(row) for row in constants["counts"])
        *sums, total = (math.fsum(row) for row in constants["sums"])
        mean = total / total_count if total_count else math.nan
        numbers = np.array(
            [
                (own + self.smoothing * mean) / (count + self.smoothing) if count >= max(1, self.min_count) else mean
                for count, own in zip(counts, sums, strict=True)
            ],
            dtype=np.float64,
        )
        return Value(look_up(builder, inputs[0], constants["values"], numbers, default=mean), "number")

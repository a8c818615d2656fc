"""ops.count_encode: a category as how often it came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from headrace.errors import InvalidInput
from headrace.fold import Counts, Fold
from headrace.model.graph import GraphBuilder, Value
from headrace.schema import Kind
from headrace.transformation._contract import Op, ValueType
from headrace.transformation.ops._categories import can_be_asked, look_up

__all__ = ["CountEncode"]

_MOST = 1_000_000


@dataclass(frozen=True)
class CountEncode(Op):
    """`ops.count_encode(x.tail_number)`: in how many rows the category came, of those the transform is fitted on.

    For categories with very many values, where how common one is says more than which it is.

    Parameters
    ----------
    as_share : bool
        Divide by the number of rows in which the category is not null: 0..1.
    min_count : int
        What came less often counts as 0, like what never came.

    Nulls: null stays null.

    Raises InvalidInput for kinds other than text, integer and boolean, and when more than 1,000,000 values would be
    kept. Cost: one fold over the column; one node, three for integers that may be null.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"often": ops.count_encode(x.tail_number)}).text(1)
    'count_encode(x.tail_number)'
    """

    as_share: bool = False
    min_count: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.as_share, bool):
            raise InvalidInput(f"as_share = {self.as_share!r}", expected="True or False")
        least: Any = self.min_count  # nothing has checked what was given
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
        """The exact count of every value."""
        return Counts(columns[0], kinds[0])

    def constants(self, result: Any) -> dict[str, Any]:
        """The values kept, ascending, and their counts."""
        # Two texts that are not UTF-8 may look equal: they are one category, as they are to a request.
        summed: dict[Any, int] = {}
        num_rows = num_kept = 0
        for values, counts in result.pieces():
            num_rows += int(counts.sum())
            kept = np.flatnonzero(counts >= self.min_count)
            num_kept += len(kept)
            if num_kept <= _MOST:
                for value, count in zip(values.take(pa.array(kept)).to_pylist(), counts[kept].tolist(), strict=True):
                    if can_be_asked(value):
                        summed[value] = summed.get(value, 0) + count
        if num_kept > _MOST:
            raise InvalidInput(
                f"{num_kept:,} categories", expected=f"at most {_MOST:,}", fix="give min_count: the others count as 0"
            )
        return {"values": list(summed), "counts": list(summed.values()), "num_rows": num_rows}

    def build(self, builder: GraphBuilder, inputs: Sequence[Value], constants: Mapping[str, Any]) -> Value:
        """One LabelEncoder."""
        (value,) = inputs
        values, counts = constants["values"], np.array(constants["counts"], dtype=np.float64)
        if self.as_share and len(counts):
            counts = counts / constants["num_rows"]
        return Value(look_up(builder, value, values, counts, default=0.0), "number")

"""ops.count_encode: how often a category came."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.count_encode import CountEncode


class TestCountEncode(OpCases):
    """Text, integers, booleans; counts and shares; the rare left out."""

    columns: ClassVar = {"s": "text", "i": "integer", "b": "boolean"}

    def features(self, x):
        """Plain, as shares, and from two."""
        return {
            "s": ops.count_encode(x.s),
            "share": ops.count_encode(x.s, as_share=True),
            "i": ops.count_encode(x.i % 3, min_count=2),
            "b": ops.count_encode(x.b),
        }

    def define(self, rows, fitted):
        """Count in a list."""

        def counts(make, least=1, divide=False):
            known = [value for row in fitted if (value := make(row)) is not None]
            found = []
            for row in rows:
                number = known.count(make(row))
                number = number if number >= least else 0
                found.append(None if make(row) is None else number / len(known) if divide and known else number)
            return found

        return {
            "s": counts(lambda row: row["s"]),
            "share": counts(lambda row: row["s"], divide=True),
            "i": counts(lambda row: None if row["i"] is None else row["i"] % 3, least=2),
            "b": counts(lambda row: row["b"]),
        }


def test_by_hand():
    """Twice, once, never, null."""
    fitted, asked = pa.table({"s": ["a", "a", "b", None]}), pa.table({"s": ["a", "b", "c", None]})
    graph = transform(lambda x: {"s": ops.count_encode(x.s)}, Dataset.from_arrow(fitted))
    np.testing.assert_array_equal(graph.apply(asked)["s"].to_numpy(), [2.0, 1.0, 0.0, np.nan])


def test_bad_input():
    """A number, and parameters out of range."""
    with pytest.raises(InvalidInput, match="no categories"):
        CountEncode().infer([ValueType("number")])
    with pytest.raises(InvalidInput, match="min_count"):
        CountEncode(min_count=0)
    with pytest.raises(InvalidInput, match="as_share"):
        CountEncode(as_share=1)

"""ops.log1p: the natural logarithm of 1 + value, float64, the same in any batch."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.log1p import Log1p
from tests.transformation import meaning


class TestLog1p(OpCases):
    """Numbers, integers, a timestamp, and one below another op."""

    columns: ClassVar = {"a": "number", "i": "integer", "t": "timestamp"}

    def features(self, x):
        """As a feature, and inside."""
        return {"a": ops.log1p(x.a), "i": ops.log1p(x.i), "t": ops.log1p(x.t), "twice": ops.log1p(x.a) * 2}

    def define(self, rows, fitted):
        """NumPy's log of 1 + value."""

        def log(name):
            return [None if row[name] is None else meaning.null(float(np.log(1.0 + float(row[name])))) for row in rows]

        return {
            "a": log("a"),
            "i": log("i"),
            "t": log("t"),
            "twice": [None if item is None else item * 2 for item in log("a")],
        }


def test_by_hand():
    """0, e - 1, -1, below, and the infinities."""
    table = pa.table({"a": [0.0, np.e - 1, -1.0, -1.5, None, float("inf"), float("-inf")]})
    found = transform(lambda x: {"a": ops.log1p(x.a)}, Dataset.from_arrow(table)).apply(table)["a"].to_numpy()
    np.testing.assert_array_equal(found, [0.0, 1.0, -np.inf, np.nan, np.nan, np.inf, np.nan])


def test_a_step_built_on_it_is_the_same_in_any_batch():
    """Its last bit cannot be seen either: buckets whose edges are its own values."""
    values = np.random.default_rng(3).gamma(2.0, 100.0, 1003)
    table = pa.table({"a": values})
    edges = np.unique(np.log(1.0 + values))[:999].tolist()
    graph = transform(lambda x: {"a": ops.bucketize(ops.log1p(x.a), boundaries=edges)}, Dataset.from_arrow(table))
    whole = graph.apply(table)["a"].to_numpy()
    alone = [graph.matrix(graph.codec.from_rows([{"a": value}]))[0, 0] for value in values.tolist()]
    np.testing.assert_array_equal(whole, alone)


def test_text_is_refused():
    """Text has no logarithm."""
    with pytest.raises(InvalidInput, match="no logarithm"):
        Log1p().infer([ValueType("text")])

"""ops.clip: a number between two limits."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.clip import Clip


class TestClip(OpCases):
    """Every kind that has an order in numbers, one limit and both, alone and below another operator."""

    columns: ClassVar = {"a": "number", "i": "integer", "b": "boolean", "t": "timestamp"}

    def features(self, x):
        """Both limits, and one of each."""
        return {
            "a": ops.clip(x.a, low=-1.5, high=2),
            "i": ops.clip(x.i, low=0),
            "b": ops.clip(x.b, high=0.5),
            "t": ops.clip(x.t, high=10**15),
            "sum": ops.clip(x.a, high=2) + 1,
        }

    def define(self, rows, fitted):
        """Python's min and max."""

        def clip(name, low, high):
            values = [None if row[name] is None else float(row[name]) for row in rows]
            return [value if value is None or value != value else min(max(value, low), high) for value in values]

        above = clip("a", -np.inf, 2)
        return {
            "a": clip("a", -1.5, 2),
            "i": clip("i", 0, np.inf),
            "b": clip("b", -np.inf, 0.5),
            "t": clip("t", -np.inf, 1e15),
            "sum": [None if value is None else value + 1 for value in above],
        }


def test_by_hand():
    """Below, at, between, above, null and the infinities."""
    table = pa.table({"a": [-2.0, 0.0, 0.5, 1.0, 7.0, None, float("inf"), float("-inf")]})
    graph = transform(lambda x: {"a": ops.clip(x.a, low=0, high=1)}, Dataset.from_arrow(table))
    np.testing.assert_array_equal(graph.apply(table)["a"].to_numpy(), [0.0, 0.0, 0.5, 1.0, 1.0, np.nan, 1.0, 0.0])


@pytest.mark.parametrize("limit", [float("nan"), float("inf"), -(10**400), True, "1"])
@pytest.mark.parametrize("name", ["low", "high"])
def test_bad_limits(name, limit):
    """A limit is finite."""
    with pytest.raises(InvalidInput, match=name):
        Clip(**{name: limit})


def test_equal_limits_are_one_value():
    """Low may be high; what is null is still null."""
    table = pa.table({"a": [-2.0, 7.0, None]})
    graph = transform(lambda x: {"a": ops.clip(x.a, low=3, high=3)}, Dataset.from_arrow(table))
    np.testing.assert_array_equal(graph.apply(table)["a"].to_numpy(), [3.0, 3.0, np.nan])


def test_no_limits_and_crossed_limits_are_refused():
    """One is needed, and low is not above high."""
    with pytest.raises(InvalidInput, match="neither"):
        Clip()
    with pytest.raises(InvalidInput, match="above high"):
        Clip(low=2, high=1)


def test_text_is_refused():
    """Text has no limits."""
    with pytest.raises(InvalidInput, match="no limits"):
        Clip(low=0).infer([ValueType("text")])

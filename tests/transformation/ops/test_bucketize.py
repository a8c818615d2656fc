"""ops.bucketize: quantiles of the fit, or given boundaries; null stays null."""

import math
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation.ops.bucketize import Bucketize
from tests.transformation import meaning

SMALL = st.floats(-1e6, 1e6) | st.sampled_from([0.0, -0.0, 1.0, math.inf, -math.inf, math.nan])


class TestBucketize(OpCases):
    """By quantiles of numbers and integers, raw and computed; by boundaries."""

    columns: ClassVar = {"a": "number", "i": "integer"}
    values: ClassVar = {"a": SMALL, "i": st.integers(-1000, 1000)}

    def features(self, x):
        """Ten buckets, two, and given ones."""
        return {
            "ten": ops.bucketize(x.a, num_buckets=10),
            "two": ops.bucketize(x.i, num_buckets=2),
            "computed": ops.bucketize(x.i * 0.5, num_buckets=3),
            "given": ops.bucketize(x.a, boundaries=[-1.0, 0.0, 1.0]),
            "one": ops.bucketize(x.i, boundaries=[0]),
        }

    def define(self, rows, fitted):
        """NumPy's quantiles, then counting."""

        def feature(make, number):
            finite = [make(row) for row in fitted if make(row) is not None and math.isfinite(make(row))]
            edges = np.unique(np.quantile(finite, [i / number for i in range(1, number)]) + 0.0) if finite else []
            return [meaning.bucket(make(row), edges) for row in rows]

        return {
            "ten": feature(lambda row: row["a"], 10),
            "two": feature(lambda row: row["i"], 2),
            "computed": feature(lambda row: None if row["i"] is None else row["i"] * 0.5, 3),
            "given": [meaning.bucket(row["a"], [-1.0, 0.0, 1.0]) for row in rows],
            "one": [meaning.bucket(row["i"], [0]) for row in rows],
        }


def test_digitize_agrees():
    """Against NumPy's digitize at the quantiles of a thousand values; repeated values make fewer buckets."""
    values = np.random.default_rng(1).integers(0, 30, 1000).astype(float)
    values[:600] = 7.0
    graph = transform(lambda x: {"a": ops.bucketize(x.a, num_buckets=8)}, Dataset.from_arrow(pa.table({"a": values})))
    edges = np.unique(np.quantile(values, np.arange(1, 8) / 8))
    assert len(edges) < 7
    np.testing.assert_array_equal(graph.apply(pa.table({"a": values}))["a"].to_numpy(), np.digitize(values, edges))


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"num_buckets": 3, "boundaries": (1.0,)},
        {"num_buckets": 1},
        {"num_buckets": 2.5},
        {"num_buckets": True},
        {"num_buckets": 1001},
        {"boundaries": ()},
        {"boundaries": (1.0, 1.0)},
        {"boundaries": (2.0, 1.0)},
        {"boundaries": (math.nan,)},
        {"boundaries": (math.inf,)},
        {"boundaries": ("a",)},
        {"boundaries": 5},
    ],
)
def test_bad_parameters(parameters):
    """Neither, both, too few, out of order, not finite: each is refused."""
    with pytest.raises(InvalidInput):
        Bucketize(**parameters)

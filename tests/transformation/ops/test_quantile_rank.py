"""ops.quantile_rank: quantile buckets with a line inside each."""

import math
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import QuantileTransformer

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.quantile_rank import QuantileRank
from tests.transformation.ops.test_bucketize import SMALL


def rank(value, finite, number):
    """The share, from the quantiles one by one."""
    if value is None:
        return None
    edges = (np.quantile(finite, [i / number for i in range(number + 1)]) + 0.0).tolist() if finite else []
    if not edges:
        return 0.5
    distinct = sorted(set(edges))
    shares = {edge: [i / number for i, each in enumerate(edges) if each == edge] for edge in distinct}
    if len(distinct) == 1:
        return 0.5 if value == distinct[0] else float(value > distinct[0])
    if value <= distinct[0]:
        return 0.0
    if value >= distinct[-1]:
        return 1.0
    if value in shares:
        return (shares[value][0] + shares[value][-1]) / 2.0
    above = next(i for i, edge in enumerate(distinct) if edge > value)
    low, high = distinct[above - 1], distinct[above]
    start, rise = shares[low][-1], shares[high][0] - shares[low][-1]
    return start + (value - low) / (high - low) * rise


class TestQuantileRank(OpCases):
    """Numbers and integers, few buckets and many."""

    columns: ClassVar = {"a": "number", "i": "integer"}
    values: ClassVar = {"a": SMALL}

    def features(self, x):
        """Two sizes."""
        return {"a": ops.quantile_rank(x.a, num_buckets=4), "i": ops.quantile_rank(x.i % 10)}

    def define(self, rows, fitted):
        """By hand."""

        def feature(make, number):
            finite = [make(row) for row in fitted if make(row) is not None and math.isfinite(make(row))]
            return [rank(make(row), finite, number) for row in rows]

        return {
            "a": feature(lambda row: row["a"], 4),
            "i": feature(lambda row: None if row["i"] is None else row["i"] % 10, 100),
        }


@pytest.mark.parametrize("repeated", [False, True])
def test_scikit_learn_agrees(repeated):
    """QuantileTransformer's values, repeated quantiles among them."""
    values = np.random.default_rng(9).normal(size=1000).round(1 if repeated else 9)
    values[:300] = 0.5 if repeated else values[:300]
    table = pa.table({"a": values})
    graph = transform(lambda x: {"a": ops.quantile_rank(x.a, num_buckets=50)}, Dataset.from_arrow(table))
    theirs = QuantileTransformer(n_quantiles=51, subsample=None).fit(values.reshape(-1, 1))
    asked = np.concatenate([values, [-9.0, 9.0], np.linspace(-3, 3, 77)])
    got = graph.apply(pa.table({"a": asked}))["a"].to_numpy()
    np.testing.assert_allclose(got, theirs.transform(asked.reshape(-1, 1))[:, 0], atol=1e-6)


def test_bad_input():
    """Text; too few and too many buckets."""
    with pytest.raises(InvalidInput, match="no rank"):
        QuantileRank().infer([ValueType("text")])
    for number in (1, 1001, 2.5, True):
        with pytest.raises(InvalidInput, match="num_buckets"):
            QuantileRank(num_buckets=number)

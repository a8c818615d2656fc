"""ops.bucketize_by_key: quantile buckets of the rows of a key."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.bucketize_by_key import BucketizeByKey
from tests.transformation import meaning
from tests.transformation.ops.test_bucketize import SMALL


class TestBucketizeByKey(OpCases):
    """By text, and by a boolean with a least count."""

    columns: ClassVar = {"a": "number", "i": "integer", "s": "text", "b": "boolean"}
    values: ClassVar = {"a": SMALL, "i": st.integers(-1000, 1000), "s": st.sampled_from(["x", "y", ""])}

    def features(self, x):
        """Two keys."""
        return {
            "s": ops.bucketize_by_key(x.a, x.s, num_buckets=4),
            "b": ops.bucketize_by_key(x.i, x.b, num_buckets=3, min_count=2),
        }

    def define(self, rows, fitted):
        """NumPy's quantiles of the key's rows, then counting."""

        def edges(values, number):
            return np.unique(np.quantile(values, [i / number for i in range(1, number)]) + 0.0) if values else []

        def feature(name, key, number, least):
            found = []
            for row in rows:
                finite = [each for each in fitted if each[name] is not None and np.isfinite(each[name])]
                own = [each[name] for each in finite if row[key] is not None and each[key] == row[key]]
                met = any(row[key] is not None and each[key] == row[key] for each in fitted)
                chosen = own if met and len(own) >= least else [each[name] for each in finite]
                found.append(meaning.bucket(row[name], edges(chosen, number)))
            return found

        return {"s": feature("a", "s", 4, 1), "b": feature("i", "b", 3, 2)}


def test_each_key_alone():
    """The same as bucketize, fitted on the rows of each key."""
    random = np.random.default_rng(4)
    table = pa.table({"k": random.choice(["a", "b", "c"], 900), "v": random.normal(size=900)})
    graph = transform(lambda x: {"v": ops.bucketize_by_key(x.v, x.k, num_buckets=7)}, Dataset.from_arrow(table))
    for key in "abc":
        own = table.filter(pa.compute.equal(table["k"], key))
        alone = transform(lambda x: {"v": ops.bucketize(x.v, num_buckets=7)}, Dataset.from_arrow(own))
        assert alone.apply(own).equals(graph.apply(own))


@pytest.mark.parametrize("parameters", [{"num_buckets": 1}, {"num_buckets": 101}, {"num_buckets": 3, "min_count": 0}])
def test_bad_parameters(parameters):
    """Out of range."""
    with pytest.raises(InvalidInput, match="whole number"):
        BucketizeByKey(**parameters)


def test_bad_kinds():
    """Text values, numbers as keys."""
    with pytest.raises(InvalidInput, match="no buckets"):
        BucketizeByKey(num_buckets=2).infer([ValueType("text"), ValueType("text")])
    with pytest.raises(InvalidInput, match="no key"):
        BucketizeByKey(num_buckets=2).infer([ValueType("number"), ValueType("timestamp")])

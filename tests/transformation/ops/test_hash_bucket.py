"""ops.hash_bucket: MurmurHash3 modulo a number."""

from typing import ClassVar

import pyarrow as pa
import pytest
from sklearn.utils import murmurhash3_32

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.hash_bucket import HashBucket


class TestHashBucket(OpCases):
    """Texts and integers, by two seeds."""

    columns: ClassVar = {"s": "text", "i": "integer"}
    has_reference: ClassVar = False

    def features(self, x):
        """Few codes, and many."""
        return {
            "s": ops.hash_bucket(x.s, num_buckets=7),
            "i": ops.hash_bucket(x.i, num_buckets=1000, seed=3),
            "cross": ops.hash_bucket(ops.cross(x.s, x.i), num_buckets=100),
        }

    def define(self, rows, fitted):
        """scikit-learn's MurmurHash3."""

        def bucket(value, count, seed=0):
            return None if value is None else murmurhash3_32(str(value), seed=seed, positive=True) % count

        def both(row):
            return None if None in (row["s"], row["i"]) else f"{row['s']}\x1f{row['i']}"

        return {
            "s": [bucket(row["s"], 7) for row in rows],
            "i": [bucket(row["i"], 1000, 3) for row in rows],
            "cross": [bucket(both(row), 100) for row in rows],
        }


def test_it_is_a_category_and_needs_no_fitting():
    """Codes have no order, and there is nothing to fit."""
    table = pa.table({"s": ["a", None]})
    graph = transform(lambda x: {"s": ops.hash_bucket(x.s, num_buckets=5)}, Dataset.from_arrow(table))
    assert graph.feature_kinds == ("categorical",)
    assert graph.to_plain()["constants"] in ({}, [])
    assert 0 <= graph.apply(table)["s"][0].as_py() < 5


@pytest.mark.parametrize("parameters", [{"num_buckets": 0}, {"num_buckets": 2.5}, {"num_buckets": 5, "seed": -1}])
def test_bad_parameters(parameters):
    """Out of range."""
    with pytest.raises(InvalidInput, match="whole number"):
        HashBucket(**parameters)


def test_a_number_is_refused():
    """It is no category."""
    with pytest.raises(InvalidInput, match="no categories"):
        HashBucket(5).infer([ValueType("number")])

"""ops.z_score_by_key: a z-score among the rows of a key."""

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
from headrace.transformation.ops.z_score_by_key import ZScoreByKey
from tests.transformation import meaning


class TestZScoreByKey(OpCases):
    """By text, by integer with a least count, and of a computed value by a boolean."""

    columns: ClassVar = {"a": "number", "i": "integer", "s": "text", "b": "boolean"}
    values: ClassVar = {"s": st.sampled_from(["x", "y", ""]), "i": st.integers(-2, 2)}

    def features(self, x):
        """Three keys."""
        return {
            "s": ops.z_score_by_key(x.a, x.s),
            "i": ops.z_score_by_key(x.a, x.i, min_count=2),
            "b": ops.z_score_by_key(x.i * 2, x.b),
        }

    def define(self, rows, fitted):
        """The z-score of the rows with this key; of all where there are too few."""

        def feature(make, key, least=1):
            found = []
            for row in rows:
                own = [make(each) for each in fitted if row[key] is not None and each[key] == row[key]]
                finite = [value for value in own if value is not None and np.isfinite(value)]
                chosen = own if len(finite) >= least else [make(each) for each in fitted]
                found.append(meaning.z_score(make(row), *meaning.moments(chosen)))
            return found

        return {
            "s": feature(lambda row: row["a"], "s"),
            "i": feature(lambda row: row["a"], "i", 2),
            "b": feature(lambda row: None if row["i"] is None else row["i"] * 2, "b"),
        }


def test_by_hand():
    """Two groups a hundred apart look alike; a key that never came is measured by all."""
    fitted = pa.table({"k": ["a", "a", "b", "b"], "v": [1.0, 3.0, 101.0, 103.0]})
    graph = transform(lambda x: {"v": ops.z_score_by_key(x.v, x.k)}, Dataset.from_arrow(fitted))
    assert graph.apply(fitted)["v"].to_pylist() == [-1.0, 1.0, -1.0, 1.0]
    values = np.array([1.0, 3.0, 101.0, 103.0])
    asked = pa.table({"k": ["c", None], "v": [52.0, 60.0]})
    expected = (np.array([52.0, 60.0]) - values.mean()) / values.std()
    np.testing.assert_allclose(graph.apply(asked)["v"].to_numpy(), expected, rtol=1e-7)


def test_bad_input():
    """Text values, numbers as keys, a least count below one."""
    with pytest.raises(InvalidInput, match="no z-score"):
        ZScoreByKey().infer([ValueType("text"), ValueType("text")])
    with pytest.raises(InvalidInput, match="no key"):
        ZScoreByKey().infer([ValueType("number"), ValueType("number")])
    with pytest.raises(InvalidInput, match="min_count"):
        ZScoreByKey(min_count=0)

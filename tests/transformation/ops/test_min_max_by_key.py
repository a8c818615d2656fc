"""ops.min_max_by_key: between the smallest and the largest of the rows of a key."""

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
from headrace.transformation.ops.min_max_by_key import MinMaxByKey


class TestMinMaxByKey(OpCases):
    """By text, and by integer with a least count."""

    columns: ClassVar = {"a": "number", "i": "integer", "s": "text"}
    values: ClassVar = {"s": st.sampled_from(["x", "y", ""]), "i": st.integers(-2, 2)}

    def features(self, x):
        """Two keys."""
        return {"s": ops.min_max_by_key(x.a, x.s), "i": ops.min_max_by_key(x.a, x.i, min_count=2)}

    def define(self, rows, fitted):
        """The rows with this key; all where there are too few."""

        def finite(chosen):
            return [row["a"] for row in chosen if row["a"] is not None and np.isfinite(row["a"])]

        def feature(key, least):
            found = []
            for row in rows:
                own = finite([each for each in fitted if row[key] is not None and each[key] == row[key]])
                known = own if len(own) >= least else finite(fitted)
                low = np.float64(min(known, default=0.0))
                width = np.float64(max(known, default=0.0)) - low
                width = width if 0.0 < width < np.inf else np.inf
                found.append(None if row["a"] is None else (np.float64(row["a"]) - low) / width)
            return found

        return {"s": feature("s", 1), "i": feature("i", 2)}


def test_by_hand():
    """Each key has its own ends; one that never came, and null, have those of all rows."""
    fitted = pa.table({"k": ["a", "a", "b", "b", "c"], "v": [1.0, 3.0, 101.0, 105.0, 7.0]})
    graph = transform(lambda x: {"v": ops.min_max_by_key(x.v, x.k)}, Dataset.from_arrow(fitted))
    assert graph.apply(fitted)["v"].to_pylist() == [0.0, 1.0, 0.0, 1.0, 0.0]
    asked = pa.table({"k": ["d", None, "b"], "v": [53.0, 1.0, 103.0]})
    assert graph.apply(asked)["v"].to_pylist() == [0.5, 0.0, 0.5]


def test_bad_input():
    """Text has no ends, a timestamp is no key, and a count is a whole number."""
    for kinds in (("text", "text"), ("number", "timestamp")):
        with pytest.raises(InvalidInput):
            MinMaxByKey().infer([ValueType(kind) for kind in kinds])
    with pytest.raises(InvalidInput, match="min_count = 0"):
        MinMaxByKey(min_count=0)

"""ops.min_max: the place between smallest and largest."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.min_max import MinMax
from tests.transformation import meaning


class TestMinMax(OpCases):
    """Every kind that has an order in numbers; a computed value; held and not held."""

    columns: ClassVar = {"a": "number", "i": "integer", "b": "boolean", "t": "timestamp"}

    def features(self, x):
        """Held between 0 and 1, or not."""
        return {
            "a": ops.min_max(x.a),
            "i": ops.min_max(x.i),
            "b": ops.min_max(x.b),
            "t": ops.min_max(x.t, clip=True),
            "sum": ops.min_max(x.i % 1000 + 0.5),
        }

    def define(self, rows, fitted):
        """(value - low) / (high - low)."""

        def feature(make, clip=False):
            finite = [value for row in fitted if (value := make(row)) is not None and np.isfinite(value)]
            low, high = (np.float64(min(finite)), np.float64(max(finite))) if finite else (0.0, 0.0)
            width = high - low if 0.0 < high - low < np.inf else np.inf
            found = []
            for row in rows:
                value = make(row)
                share = None if value is None else meaning.null(float((np.float64(value) - low) / width))
                found.append(share if share is None or not clip else min(max(share, 0.0), 1.0))
            return found

        return {
            "a": feature(lambda row: row["a"]),
            "i": feature(lambda row: meaning.number(row["i"])),
            "b": feature(lambda row: meaning.number(row["b"])),
            "t": feature(lambda row: meaning.number(row["t"]), clip=True),
            "sum": feature(lambda row: None if row["i"] is None else row["i"] % 1000 + 0.5),
        }


def test_by_hand():
    """Fitted on 10..30; 40 lies outside unless it is held."""
    fitted = pa.table({"a": [10.0, 30.0, None, float("inf")]})
    asked = pa.table({"a": [10.0, 15.0, 40.0, None, float("inf")]})
    graph = transform(
        lambda x: {"free": ops.min_max(x.a), "held": ops.min_max(x.a, clip=True)}, Dataset.from_arrow(fitted)
    )
    found = graph.apply(asked)
    np.testing.assert_array_equal(found["free"].to_numpy(), [0.0, 0.25, 1.5, np.nan, np.inf])
    np.testing.assert_array_equal(found["held"].to_numpy(), [0.0, 0.25, 1.0, np.nan, 1.0])


def test_equals_scikit_learn():
    """As MinMaxScaler has it."""
    from sklearn.preprocessing import MinMaxScaler

    values = np.random.default_rng(5).normal(0, 1e6, 5000)
    table = pa.table({"a": values})
    found = transform(lambda x: {"a": ops.min_max(x.a)}, Dataset.from_arrow(table)).apply(table)["a"].to_numpy()
    expected = MinMaxScaler().fit_transform(values[:, None])[:, 0]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-7)


def test_bad_input():
    """Text, and a clip that is neither True nor False."""
    with pytest.raises(InvalidInput, match="smallest"):
        MinMax().infer([ValueType("text")])
    with pytest.raises(InvalidInput, match="clip"):
        MinMax(clip="yes")

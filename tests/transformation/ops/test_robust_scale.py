"""ops.robust_scale: median and quartiles."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.robust_scale import RobustScale
from tests.transformation import meaning


class TestRobustScale(OpCases):
    """Numbers, integers and booleans, raw and computed."""

    columns: ClassVar = {"a": "number", "i": "integer", "b": "boolean"}
    values: ClassVar = {}

    def features(self, x):
        """Of columns, and of a sum."""
        return {
            "a": ops.robust_scale(x.a),
            "i": ops.robust_scale(x.i),
            "b": ops.robust_scale(x.b),
            "sum": ops.robust_scale(x.i % 1000 + 0.5),
        }

    def define(self, rows, fitted):
        """(value - median) / (upper - lower quartile), by NumPy."""

        def feature(make):
            finite = [float(value) for row in fitted if (value := make(row)) is not None and np.isfinite(value)]
            low, middle, high = np.quantile(finite, [0.25, 0.5, 0.75]) if finite else (0.0, 0.0, 0.0)
            width = high - low if 0.0 < high - low < np.inf else np.inf
            middle = middle if np.isfinite(middle) else 0.0
            values = [make(row) for row in rows]
            return [None if one is None else meaning.null(float((np.float64(one) - middle) / width)) for one in values]

        return {
            "a": feature(lambda row: row["a"]),
            "i": feature(lambda row: meaning.number(row["i"])),
            "b": feature(lambda row: meaning.number(row["b"])),
            "sum": feature(lambda row: None if row["i"] is None else row["i"] % 1000 + 0.5),
        }


def test_wild_values_do_not_move_it():
    """0 to 100, and one value of 10^12."""
    table = pa.table({"a": [*map(float, range(101)), 1e12]})
    found = transform(lambda x: {"a": ops.robust_scale(x.a)}, Dataset.from_arrow(table)).apply(table)["a"].to_numpy()
    assert abs(found[50]) < 0.02
    assert abs(found[100] - 1.0) < 0.05


def test_equals_scikit_learn():
    """As RobustScaler has it."""
    from sklearn.preprocessing import RobustScaler

    values = np.random.default_rng(5).normal(0, 1e3, 5000)
    table = pa.table({"a": values})
    found = transform(lambda x: {"a": ops.robust_scale(x.a)}, Dataset.from_arrow(table)).apply(table)["a"].to_numpy()
    np.testing.assert_allclose(found, RobustScaler().fit_transform(values[:, None])[:, 0], rtol=1e-6, atol=1e-7)


def test_text_is_refused():
    """Text has no median."""
    with pytest.raises(InvalidInput, match="no median"):
        RobustScale().infer([ValueType("text")])

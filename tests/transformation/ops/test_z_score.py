"""ops.z_score: exact moments, float64, 0 where nothing varied."""

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
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.z_score import ZScore
from tests.transformation import meaning


class TestZScore(OpCases):
    """Numbers, integers, booleans, a computed value, and one that is not the last op."""

    columns: ClassVar = {"a": "number", "i": "integer", "f": "boolean", "raw": "number"}
    # Beyond 2^53 neighbours are one float64: where all values lie there, what is left of their spread is rounding.
    values: ClassVar = {"i": st.integers(-(2**53), 2**53)}

    def features(self, x):
        """Several beside a plain feature, so that the shared division must leave that one alone."""
        return {
            "a": ops.z_score(x.a),
            "i": ops.z_score(x.i),
            "f": ops.z_score(x.f),
            "raw": x.raw,
            "sum": ops.z_score(x.i % 1000 + 0.5),
            "inner": ops.z_score(x.i) * 2,
        }

    def define(self, rows, fitted):
        """(value - mean) / deviation."""

        def feature(make):
            mean, std_dev = meaning.moments([make(row) for row in fitted])
            return [meaning.z_score(make(row), mean, std_dev) for row in rows]

        doubled = feature(lambda row: meaning.number(row["i"]))
        return {
            "a": feature(lambda row: row["a"]),
            "i": feature(lambda row: meaning.number(row["i"])),
            "f": feature(lambda row: meaning.number(row["f"])),
            "raw": [row["raw"] for row in rows],
            "sum": feature(lambda row: None if row["i"] is None else row["i"] % 1000 + 0.5),
            "inner": [None if item is None else item * 2 for item in doubled],
        }


def test_numpy_agrees():
    """Against NumPy's mean and std over a thousand values."""
    values = np.random.default_rng(0).normal(5.0, 3.0, 1000)
    graph = transform(lambda x: {"a": ops.z_score(x.a)}, Dataset.from_arrow(pa.table({"a": values})))
    got = graph.apply(pa.table({"a": values}))["a"].to_numpy()
    np.testing.assert_allclose(got, (values - values.mean()) / values.std(), rtol=1e-6)


def test_a_constant_gives_zero():
    """A column of one value, and one without values, give 0 for whatever finite value is served."""
    table = pa.table({"a": [3.0, 3.0, None], "b": pa.array([None] * 3, pa.float64())})
    graph = transform(lambda x: {"a": ops.z_score(x.a), "b": ops.z_score(x.b)}, Dataset.from_arrow(table))
    got = graph.apply(pa.table({"a": [3.0, 8.0, None, math.inf], "b": [1.0, -5.0, None, 0.0]}))
    np.testing.assert_array_equal(got["a"].to_numpy(), [0.0, 0.0, np.nan, np.nan])
    np.testing.assert_array_equal(got["b"].to_numpy(), [0.0, 0.0, np.nan, 0.0])


def test_text_is_refused():
    """Text has no mean."""
    with pytest.raises(InvalidInput, match="no z-score"):
        ZScore().infer([ValueType("text")])

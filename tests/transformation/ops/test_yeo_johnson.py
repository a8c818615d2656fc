"""ops.yeo_johnson: the likeliest power, and given ones."""

import math
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from sklearn.preprocessing import PowerTransformer

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.yeo_johnson import YeoJohnson

POWERS = (-1.5, 0.0, 0.5, 1.0, 2.0, 3.25)


def raised(value, power):
    """The formula, for one value."""
    if value is None:
        return None
    size, own = abs(value), 2.0 - power if value < 0 else power
    if own == 0.0:
        half = math.log(size + 1.0)
    elif own == 1.0:
        half = size
    else:
        try:
            half = (math.pow(size + 1.0, own) - 1.0) / own
        except OverflowError:
            half = math.inf
    return -half if value < 0 else half


class TestYeoJohnson(OpCases):
    """Given powers, of any numbers and of integers: the branches for 0, 1 and 2 among them."""

    columns: ClassVar = {"a": "number", "i": "integer"}
    # Beyond 2^53 neighbours are one float64: where all values lie there, what is left of their spread is rounding.
    values: ClassVar = {"i": st.integers(-(2**53), 2**53)}

    def features(self, x):
        """Each power."""
        numbers = {f"a {power}": ops.yeo_johnson(x.a, exponent=power) for power in POWERS}
        return numbers | {"i": ops.yeo_johnson(x.i, exponent=0.5)}

    def define(self, rows, fitted):
        """The formula."""
        found = {f"a {power}": [raised(row["a"], power) for row in rows] for power in POWERS}
        return found | {"i": [raised(row["i"], 0.5) for row in rows]}


class TestFitted(OpCases):
    """Fitted on whatever comes: the served bytes, the order of rows and the journey."""

    columns: ClassVar = {"a": "number", "w": "timestamp"}
    values: ClassVar = {"a": st.floats(-100, 100)}

    def features(self, x):
        """One of numbers, one of moments."""
        return {"a": ops.yeo_johnson(x.a), "w": ops.yeo_johnson(x.w)}

    def test_it_means_what_the_definition_says(self):
        """The fitted power is held against scikit-learn below; what it does, above."""


@pytest.mark.parametrize("name", ["lognormal", "negative", "normal", "many", "whole"])
def test_scikit_learn_agrees(name):
    """PowerTransformer's power to 1e-3 (its own search stops there), of tables and of sketches."""
    random = np.random.default_rng(8)
    values = {
        "lognormal": random.lognormal(size=2000),
        "negative": -(random.exponential(size=2000) ** 2),
        "normal": random.normal(size=2000),
        "many": random.gamma(2.0, size=100_000),
        "whole": random.integers(0, 30, 2000) ** 2,
    }[name].astype(float)
    table = pa.table({"a": values})
    graph = transform(lambda x: {"a": ops.yeo_johnson(x.a)}, Dataset.from_arrow(table))
    theirs = PowerTransformer(standardize=False).fit(values.reshape(-1, 1))
    power = graph.to_plain()["constants"]["1"]["exponent"]
    assert power == pytest.approx(theirs.lambdas_[0], abs=5e-3)
    theirs.lambdas_[:] = power
    got = graph.apply(table)["a"].to_numpy()
    np.testing.assert_allclose(got, theirs.transform(values.reshape(-1, 1))[:, 0], rtol=1e-6, atol=1e-7)


def test_nothing_to_fit_on():
    """No values, or always the same: unchanged."""
    for values in ([None, None], [3.0, 3.0]):
        table = pa.table({"a": pa.array(values, pa.float64())})
        graph = transform(lambda x: {"a": ops.yeo_johnson(x.a)}, Dataset.from_arrow(table))
        assert graph.apply(pa.table({"a": [5.0, -2.0]}))["a"].to_pylist() == [5.0, -2.0]


def test_bad_input():
    """Text; a power out of range."""
    with pytest.raises(InvalidInput, match="no power"):
        YeoJohnson().infer([ValueType("text")])
    for exponent in (6, -5.1, math.nan, True, "2"):
        with pytest.raises(InvalidInput, match="exponent"):
            YeoJohnson(exponent=exponent)

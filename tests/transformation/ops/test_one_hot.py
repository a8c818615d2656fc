"""ops.one_hot: one column a category."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from sklearn.preprocessing import OneHotEncoder

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.one_hot import OneHot
from tests.transformation import meaning


class TestOneHot(OpCases):
    """Text, integers and booleans, beside a feature that is one number; the first two alone."""

    columns: ClassVar = {"s": "text", "i": "integer", "b": "boolean"}

    def features(self, x):
        """Whole, cut, and of a computed value."""
        return {
            "s": ops.one_hot(x.s),
            "i": ops.one_hot(x.i % 5, top_k=2),
            "plain": x.b,
            "b": ops.one_hot(x.b),
        }

    def define(self, rows, fitted):
        """Compare with every word."""

        def feature(make, top_k=None):
            words = meaning.vocabulary([make(row) for row in fitted], top_k=top_k)
            return [[float(make(row) == word) for word in words] or [0.0] for row in rows]

        return {
            "s": feature(lambda row: row["s"]),
            "i": feature(lambda row: None if row["i"] is None else row["i"] % 5, top_k=2),
            "plain": [row["b"] for row in rows],
            "b": feature(lambda row: row["b"]),
        }


class TestOutside(OpCases):
    """Columns for what is outside the vocabulary."""

    columns: ClassVar = {"s": "text"}
    has_reference = False  # MurmurHash3

    def features(self, x):
        """One word, three columns beyond it."""
        return {"s": ops.one_hot(x.s, top_k=1, num_oov=3)}

    def define(self, rows, fitted):
        """The code's place."""
        words = meaning.vocabulary([row["s"] for row in fitted], top_k=1)
        codes = [meaning.code(row["s"], words, 3) for row in rows]
        return {"s": [[float(code == place) for place in range(len(words) + 3)] for code in codes]}


def test_scikit_learn_agrees():
    """The same columns as OneHotEncoder's, in another order."""
    random = np.random.default_rng(3)
    values = random.choice(["a", "b", "c", "d"], 200)
    asked = np.array([*values, "never"])
    graph = transform(lambda x: {"s": ops.one_hot(x.s)}, Dataset.from_arrow(pa.table({"s": values})))
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(values.reshape(-1, 1))
    order = [list(encoder.categories_[0]).index(word) for word in meaning.vocabulary(values.tolist())]
    got = np.array(graph.apply(pa.table({"s": asked}))["s"].to_pylist())
    np.testing.assert_array_equal(got, encoder.transform(asked.reshape(-1, 1))[:, order])
    assert graph.matrix_names == ("s[0]", "s[1]", "s[2]", "s[3]")


def test_a_vector_is_only_a_feature():
    """An op that takes one value a row refuses it, at its line; explain lists it."""
    table = pa.table({"s": ["a", "b", "a"]})
    with pytest.raises(InvalidInput, match="vector"):
        transform(lambda x: {"s": ops.one_hot(x.s) * 2}, Dataset.from_arrow(table))
    graph = transform(lambda x: {"s": ops.one_hot(x.s)}, Dataset.from_arrow(table))
    assert graph.explain({"s": "b"})["s"] == [0.0, 1.0]
    assert (graph.feature_kinds, graph.feature_widths) == (("vector",), (2,))


def test_too_many_columns():
    """A limit, named before anything is built."""
    values = [str(index) for index in range(10_001)]
    with pytest.raises(InvalidInput, match="10,001 columns"):
        transform(lambda x: {"s": ops.one_hot(x.s)}, Dataset.from_arrow(pa.table({"s": values})))
    with pytest.raises(InvalidInput, match="no vocabulary"):
        OneHot().infer([ValueType("number")])

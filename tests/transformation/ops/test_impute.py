"""ops.impute: what is usual in place of what is missing."""

from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st

from headrace.dataset import Dataset
from headrace.errors import InvalidInput, UnknownName
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.impute import Impute
from tests.transformation import meaning


class TestImpute(OpCases):
    """Every kind and strategy that go together."""

    columns: ClassVar = {"a": "number", "i": "integer", "b": "boolean", "s": "text", "t": "timestamp"}
    # onnx.reference loses zero characters at the end of a text.
    values: ClassVar = {"s": st.sampled_from(["", "a", "b", "ab", "\u00e9"])}

    def features(self, x):
        """Text by the code of what comes out, so that the whole value is seen."""
        return {
            "mean": ops.impute(x.a, strategy="mean"),
            "median": ops.impute(x.i),
            "mode": ops.impute(x.a, strategy="mode"),
            "i": ops.impute(x.i % 5, strategy="mode"),
            "b": ops.impute(x.b, strategy="mode"),
            "s": ops.vocabulary(ops.impute(x.s, strategy="mode")),
            "t": ops.impute(x.t, strategy="mode"),
        }

    def define(self, rows, fitted):
        """By Python's means."""

        def filled(make, filling):
            found = [make(row) for row in fitted]
            with_it = filling([value for value in found if value is not None])
            return lambda row: with_it if make(row) is None else make(row)

        def finite(function):
            def of(values):
                kept = [float(value) for value in values if np.isfinite(value)]
                return function(kept) if kept else None

            return of

        def mode(values):
            known = meaning.vocabulary(values)
            return known[0] if known else None

        def modulo(row):
            return None if row["i"] is None else row["i"] % 5

        text = filled(lambda row: row["s"], mode)
        known = meaning.vocabulary([text(row) for row in fitted])
        makers = {
            "mean": filled(lambda row: row["a"], lambda values: meaning.moments(values)[0] if values else None),
            "median": filled(lambda row: meaning.number(row["i"]), finite(np.median)),
            "mode": filled(lambda row: row["a"], finite(lambda values: mode([value + 0.0 for value in values]))),
            "i": filled(modulo, mode),
            "b": filled(lambda row: row["b"], mode),
            "t": filled(lambda row: row["t"], mode),
        }
        if not [row for row in fitted if row["a"] is not None and np.isfinite(row["a"])]:
            makers["mean"] = lambda row: row["a"]
        found = {name: [make(row) for row in rows] for name, make in makers.items()}
        return {**found, "s": [meaning.code(text(row), known) for row in rows]}


def test_by_hand():
    """Median 3, mean 4, and the most frequent, the smallest of two."""
    table = pa.table({"a": [1.0, 3.0, 8.0, None], "s": ["b", "a", None, None]})
    graph = transform(
        lambda x: {
            "median": ops.impute(x.a),
            "mean": ops.impute(x.a, strategy="mean"),
            "is_a": ops.impute(x.s, strategy="mode") == "a",
        },
        Dataset.from_arrow(table),
    )
    found = graph.apply(table)
    assert found["median"].to_pylist() == [1.0, 3.0, 8.0, 3.0]
    assert found["mean"].to_pylist() == [1.0, 3.0, 8.0, 4.0]
    assert found["is_a"].to_pylist() == [0.0, 1.0, 1.0, 1.0]


def test_bad_input():
    """An unknown strategy, and the mean of text."""
    with pytest.raises(UnknownName, match="strategy"):
        Impute("average")
    with pytest.raises(InvalidInput, match="no median"):
        Impute().infer([ValueType("text")])

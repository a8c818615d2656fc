"""ops.split: one piece of a text."""

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning


class TestSplit(OpCases):
    """Of any texts at all, alone and in a chain."""

    columns: ClassVar = {"t": "text"}

    def features(self, x):
        """A code and a number."""
        return {"code": ops.vocabulary(x.t.str.split("a", 1)), "length": x.t.str.split("a", 1).str.length()}

    def define(self, rows, fitted):
        """Python's own."""

        def made(row):
            return None if row["t"] is None else (row["t"].split("a")[1].lstrip("\x00") if "a" in row["t"] else None)

        words = meaning.vocabulary([made(row) for row in fitted])
        codes = [meaning.code(made(row), words) for row in rows]
        return {"code": codes, "length": [None if made(row) is None else float(len(made(row))) for row in rows]}


def test_by_hand():
    """First, last, and not there."""
    table = pa.table({"t": ["a@b@c", "a", "", None]})
    graph = transform(
        lambda x: {
            "first": x.t.str.split("@", 0).str.length(),
            "last": x.t.str.split("@", -1).is_null(),
            "third": x.t.str.split("@", 2).is_null(),
        },
        Dataset.from_arrow(table),
    )
    assert graph.apply(table)["third"].to_pylist() == [0.0, 1.0, 1.0, 1.0]
    assert graph.apply(table)["last"].to_pylist() == [0.0, 0.0, 0.0, 1.0]
    assert graph.apply(table)["first"].to_pylist()[:3] == [1.0, 1.0, 0.0]


def test_bad_input():
    """An empty separator."""
    with pytest.raises(InvalidInput, match="split by"):
        transform(lambda x: {"t": x.t.str.split("", 0).is_null()}, Dataset.from_arrow(pa.table({"t": ["a"]})))

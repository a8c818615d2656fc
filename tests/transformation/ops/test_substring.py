"""ops.substring: some of the characters."""

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning


class TestSubstring(OpCases):
    """Of any texts at all, alone and in a chain."""

    columns: ClassVar = {"t": "text"}

    def features(self, x):
        """A code and a number."""
        return {"code": ops.vocabulary(x.t.str.slice(1, -1)), "length": x.t.str.slice(1, -1).str.length()}

    def define(self, rows, fitted):
        """Python's own."""

        def made(row):
            return None if row["t"] is None else row["t"][1:-1].lstrip("\x00")

        words = meaning.vocabulary([made(row) for row in fitted])
        codes = [meaning.code(made(row), words) for row in rows]
        return {"code": codes, "length": [None if made(row) is None else float(len(made(row))) for row in rows]}


def test_by_hand():
    """The front of a code, and what there is of a short one."""
    table = pa.table({"t": ["EC1A", "E", None]})
    graph = transform(lambda x: {"t": ops.substring(x.t, stop=2).str.length()}, Dataset.from_arrow(table))
    assert graph.apply(table)["t"].to_pylist()[:2] == [2.0, 1.0]


def test_bad_input():
    """A place that is no number."""
    with pytest.raises(InvalidInput, match="slice"):
        transform(lambda x: {"t": x.t.str.slice("1").is_null()}, Dataset.from_arrow(pa.table({"t": ["a"]})))

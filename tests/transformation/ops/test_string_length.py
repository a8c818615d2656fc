"""ops.string_length: how many characters."""

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning


class TestStringLength(OpCases):
    """Of any texts at all, alone and in a chain."""

    columns: ClassVar = {"t": "text"}

    def features(self, x):
        """A code and a number."""
        return {"code": ops.vocabulary(x.t), "length": x.t.str.length()}

    def define(self, rows, fitted):
        """Python's own."""

        def made(row):
            return None if row["t"] is None else row["t"]

        words = meaning.vocabulary([made(row) for row in fitted])
        codes = [meaning.code(made(row), words) for row in rows]
        return {"code": codes, "length": [None if made(row) is None else float(len(made(row))) for row in rows]}


def test_by_hand():
    """Code points: an accent may be one of its own, a flag is two."""
    table = pa.table({"t": ["", "é", "e\u0301", "🇩🇪", None]})
    graph = transform(lambda x: {"t": ops.string_length(x.t), "half": x.t.str.length() / 2}, Dataset.from_arrow(table))
    assert graph.apply(table)["t"].to_pylist()[:4] == [0.0, 1.0, 2.0, 2.0]
    with pytest.raises(InvalidInput, match="no characters"):
        transform(lambda x: {"t": ops.string_length(x.n)}, Dataset.from_arrow(pa.table({"n": [1.0]})))

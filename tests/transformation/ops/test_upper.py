"""ops.upper: in upper case."""

from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning


class TestUpper(OpCases):
    """Of any texts at all, alone and in a chain."""

    columns: ClassVar = {"t": "text"}

    def features(self, x):
        """A code and a number."""
        return {"code": ops.vocabulary(x.t.str.upper()), "length": x.t.str.upper().str.length()}

    def define(self, rows, fitted):
        """Python's own."""

        def made(row):
            return None if row["t"] is None else row["t"].upper().lstrip("\x00")

        words = meaning.vocabulary([made(row) for row in fitted])
        codes = [meaning.code(made(row), words) for row in rows]
        return {"code": codes, "length": [None if made(row) is None else float(len(made(row))) for row in rows]}


def test_it_reads_raw_text_only():
    """A number, and a text that only the graph computes, are refused at their line."""
    table = pa.table({"t": ["a"], "n": [1.0]})
    with pytest.raises(InvalidInput, match="no characters"):
        transform(lambda x: {"n": ops.upper(x.n).is_null()}, Dataset.from_arrow(table))
    with pytest.raises(InvalidInput, match="before the graph"):
        transform(lambda x: {"t": ops.vocabulary(ops.upper(x.t.fill_null("A")))}, Dataset.from_arrow(table))

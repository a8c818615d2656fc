"""ops.replace: every match of a pattern, replaced."""

import re
from typing import ClassVar

import pyarrow as pa
import pytest

from headrace.dataset import Dataset
from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops, transform
from tests.transformation import meaning


class TestReplace(OpCases):
    """Of any texts at all, alone and in a chain."""

    columns: ClassVar = {"t": "text"}

    def features(self, x):
        """A code and a number."""
        return {
            "code": ops.vocabulary(x.t.str.replace("a|é", "<\\0>")),
            "length": x.t.str.replace("a|é", "<\\0>").str.length(),
        }

    def define(self, rows, fitted):
        """Python's own."""

        def made(row):
            return None if row["t"] is None else re.sub("a|é", lambda found: f"<{found[0]}>", row["t"]).lstrip("\x00")

        words = meaning.vocabulary([made(row) for row in fitted])
        codes = [meaning.code(made(row), words) for row in rows]
        return {"code": codes, "length": [None if made(row) is None else float(len(made(row))) for row in rows]}


def test_by_hand():
    """Groups, and nothing instead."""
    table = pa.table({"t": ["2013-07-01", "x", None]})
    graph = transform(
        lambda x: {"year": ops.replace(x.t, pattern="([0-9]+)-.*", replacement="\\1").str.length()},
        Dataset.from_arrow(table),
    )
    assert graph.apply(table)["year"].to_pylist()[:2] == [4.0, 1.0]


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a\x00"])
def test_bad_patterns(pattern):
    """What is not RE2's language is refused before a row is read."""
    table = pa.table({"t": ["a"]})
    with pytest.raises(InvalidInput):
        transform(lambda x: {"t": x.t.str.replace(pattern, "").str.length()}, Dataset.from_arrow(table))

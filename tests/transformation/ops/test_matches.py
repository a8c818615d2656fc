"""ops.matches: a regular expression that must match the whole text."""

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
from headrace.transformation.ops.matches import Matches


class TestMatches(OpCases):
    """Letters and digits, any text, and a pattern that the inner form of null would match."""

    columns: ClassVar = {"s": "text"}
    values: ClassVar = {"s": st.text("aN01-", max_size=4) | st.text(max_size=3).filter(lambda one: "\x00" not in one)}

    def features(self, x):
        """Three patterns."""
        return {
            "tail": ops.matches(x.s, pattern="N[0-9]+"),
            "any": ops.matches(x.s, pattern="(?s).*"),
            "not": ~ops.matches(x.s, pattern="a?"),
        }

    def define(self, rows, fitted):
        """Python's re.fullmatch, which agrees on patterns as plain as these."""
        import re

        def feature(pattern, flags=0):
            compiled = re.compile(pattern, flags)
            return [None if row["s"] is None else compiled.fullmatch(row["s"]) is not None for row in rows]

        opposite = feature("a?")
        return {
            "tail": feature("N[0-9]+"),
            "any": feature(".*", re.DOTALL),
            "not": [None if item is None else not item for item in opposite],
        }


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", 5, "a\x00"])
def test_bad_patterns(pattern):
    """What RE2 does not take is refused where it is written."""
    with pytest.raises(InvalidInput, match="pattern"):
        Matches(pattern)


def test_a_number_is_refused():
    """It has no characters."""
    with pytest.raises(InvalidInput, match="no characters"):
        Matches("a").infer([ValueType("integer")])


def test_by_hand():
    """The whole text, not a part of it."""
    table = pa.table({"s": ["N1", "xN1", "N1x", None]})
    found = transform(lambda x: {"s": ops.matches(x.s, pattern="N.")}, Dataset.from_arrow(table)).apply(table)["s"]
    np.testing.assert_array_equal(found.to_numpy(), [1.0, 0.0, 0.0, np.nan])

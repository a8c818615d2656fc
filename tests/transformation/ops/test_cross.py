"""ops.cross: one category out of several."""

from typing import ClassVar

import pytest
from hypothesis import strategies as st

from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.cross import SEPARATOR, Cross
from tests.transformation import meaning


class TestCross(OpCases):
    """Texts, integers and a literal, looked up in a vocabulary."""

    columns: ClassVar = {"t": "text", "u": "text", "i": "integer"}
    values: ClassVar = {
        "t": st.sampled_from(["", "a", "😀"]),
        "u": st.sampled_from(["", "a"]),
        "i": st.sampled_from([0, -(2**63)]),
    }

    def features(self, x):
        """Two and three parts."""
        return {
            "two": ops.vocabulary(ops.cross(x.t, x.u)),
            "three": ops.vocabulary(ops.cross(x.t, x.i, "end")),
            "same": ops.cross(x.t, x.u) == ops.cross("a", "a", x.t),
        }

    def define(self, rows, fitted):
        """Joined texts."""

        def join(*parts):
            return None if None in parts else SEPARATOR.join(str(item) for item in parts)

        two = meaning.vocabulary([join(row["t"], row["u"]) for row in fitted])
        three = meaning.vocabulary([join(row["t"], row["i"], "end") for row in fitted])
        return {
            "two": [meaning.code(join(row["t"], row["u"]), two) for row in rows],
            "three": [meaning.code(join(row["t"], row["i"], "end"), three) for row in rows],
            "same": [meaning.comparison("==", join(row["t"], row["u"]), join("a", "a", row["t"])) for row in rows],
        }


def test_kinds():
    """Numbers are not categories."""
    with pytest.raises(InvalidInput, match=r"number cannot be crossed.*bucketize"):
        Cross().infer([ValueType("text"), ValueType("number")])

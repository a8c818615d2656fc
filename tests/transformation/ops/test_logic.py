"""& | ~: SQL's three-valued logic."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.logic import Logic
from tests.transformation import meaning


class TestLogic(OpCases):
    """Columns, comparisons with nulls inside, and literals."""

    columns: ClassVar = {"f": "boolean", "g": "boolean", "a": "number"}

    def features(self, x):
        """All operators, nested."""
        return {
            "and": x.f & x.g,
            "or": x.f | x.g,
            "not": ~x.f,
            "nested": ~((x.f & (x.a > 0)) | ~x.g),
            "true": True & x.f,
            "false": x.f & False,
            "or_true": x.f | True,
            "sure": x.f.is_null() | x.g.is_null(),
            "half": x.f.is_null() & x.g,
        }

    def define(self, rows, fitted):
        """Truth tables."""
        found = {}
        both, either, no = meaning.logic_and, meaning.logic_or, meaning.logic_not
        found["and"] = [both(row["f"], row["g"]) for row in rows]
        found["or"] = [either(row["f"], row["g"]) for row in rows]
        found["not"] = [no(row["f"]) for row in rows]
        found["nested"] = [
            no(either(both(row["f"], meaning.comparison(">", row["a"], 0)), no(row["g"]))) for row in rows
        ]
        found["true"] = [row["f"] for row in rows]
        found["false"] = [False for row in rows]
        found["or_true"] = [True for row in rows]
        found["sure"] = [row["f"] is None or row["g"] is None for row in rows]
        found["half"] = [both(row["f"] is None, row["g"]) for row in rows]
        return found


def test_kinds():
    """Booleans alone; the message shows the parentheses that are usually missing."""
    with pytest.raises(InvalidInput, match=r"integer cannot be used with & \| ~.*parentheses"):
        Logic("and").infer([ValueType("boolean"), ValueType("integer")])
    with pytest.raises(InvalidInput, match="inputs for not"):
        Logic("not").infer([ValueType("boolean")] * 2)

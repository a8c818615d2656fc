"""== != < <= > >=: exact for integers, null where either side is."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.testing.op_cases import OpCases
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.comparison import Comparison
from tests.transformation import meaning

OPERATORS = ("==", "!=", "<", "<=", ">", ">=")


def record(operator, a, b):
    """The operator, applied."""
    operations = {
        "==": lambda: a == b,
        "!=": lambda: a != b,
        "<": lambda: a < b,
        "<=": lambda: a <= b,
        ">": lambda: a > b,
        ">=": lambda: a >= b,
    }
    return operations[operator]()


class TestComparison(OpCases):
    """All kinds against themselves, each other and literals."""

    columns: ClassVar = {
        "a": "number",
        "b": "number",
        "i": "integer",
        "j": "integer",
        "f": "boolean",
        "g": "boolean",
        "t": "text",
        "u": "text",
        "w": "timestamp",
        "v": "timestamp",
    }
    pairs = (("a", "b"), ("i", "j"), ("f", "g"), ("w", "v"), ("a", "i"), ("i", "f"), ("w", "i"), ("t", "u"))
    literals = (("a", 0.0), ("i", 2**53 + 1), ("f", True), ("t", "AA"), ("t", ""), ("w", 0), ("a", 1))

    def features(self, x):
        """Null, False and True all show in a number."""
        found = {}
        for sign in OPERATORS:
            for left, right in self.pairs:
                if left != "t" or sign in ("==", "!="):
                    found[f"{left}{sign}{right}"] = record(sign, x[left], x[right])
            for left, right in self.literals:
                if left != "t" or sign in ("==", "!="):
                    found[f"{left}{sign}{right!r}"] = record(sign, x[left], right)
        return found

    def define(self, rows, fitted):
        """Python's comparisons."""
        found = {}
        for sign in OPERATORS:
            for left, right in self.pairs:
                if left != "t" or sign in ("==", "!="):
                    found[f"{left}{sign}{right}"] = [meaning.comparison(sign, row[left], row[right]) for row in rows]
            for left, right in self.literals:
                if left != "t" or sign in ("==", "!="):
                    found[f"{left}{sign}{right!r}"] = [meaning.comparison(sign, row[left], right) for row in rows]
        return found


def test_kinds():
    """Texts cannot be ordered, nor compared with numbers."""
    integer, text = ValueType("integer", False), ValueType("text")
    assert Comparison("<").infer([integer, integer]) == ValueType("boolean", False)
    with pytest.raises(InvalidInput, match="texts cannot be ordered"):
        Comparison("<").infer([text, text])
    with pytest.raises(InvalidInput, match="integer and text"):
        Comparison("==").infer([text, integer])
    with pytest.raises(InvalidInput, match="boolean and timestamp"):
        Comparison("==").infer([ValueType("timestamp"), ValueType("boolean")])
    with pytest.raises(UnknownName, match="comparison"):
        Comparison("<>")

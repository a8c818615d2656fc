"""ops.fill_null: something in place of null, NaN included."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.fill_null import FillNull


class TestFillNull(OpCases):
    """Every kind, by literals and by columns that may be null too."""

    columns: ClassVar = {
        "a": "number",
        "b": "number",
        "i": "integer",
        "j": "integer",
        "f": "boolean",
        "g": "boolean",
        "t": "text",
        "u": "text",
    }

    def features(self, x):
        """Each kind of result."""
        return {
            "number": x.a.fill_null(-1.5),
            "by_number": x.a.fill_null(x.b),
            "by_integer": x.a.fill_null(x.i),
            "integer": (x.i // 4096).fill_null(0),
            "by_other": ops.fill_null(x.i // 4096, x.j // 4096),
            "promoted": x.i.fill_null(0.5),
            "boolean": x.f.fill_null(True),
            "by_boolean": x.f.fill_null(x.g),
            "text": x.t.fill_null("AA") == "AA",
            "by_text": x.t.fill_null(x.u) == "AA",
            "twice": x.i.fill_null(1).fill_null(2) == 1,
            "literal": ops.fill_null(5, x.i),
            "truth": ops.fill_null(True, x.f),
            "nothing": ops.fill_null(None, x.i // 4096),
        }

    def define(self, rows, fitted):
        """The first that is not None."""

        def first(*values):
            return next((value for value in values if value is not None), None)

        def low(value):
            return None if value is None else value // 4096

        def is_aa(value):
            return None if value is None else value == "AA"

        return {
            "number": [first(row["a"], -1.5) for row in rows],
            "by_number": [first(row["a"], row["b"]) for row in rows],
            "by_integer": [first(row["a"], row["i"]) for row in rows],
            "integer": [first(low(row["i"]), 0) for row in rows],
            "by_other": [first(low(row["i"]), low(row["j"])) for row in rows],
            "promoted": [first(row["i"], 0.5) for row in rows],
            "boolean": [first(row["f"], True) for row in rows],
            "by_boolean": [first(row["f"], row["g"]) for row in rows],
            "text": [is_aa(first(row["t"], "AA")) for row in rows],
            "by_text": [is_aa(first(row["t"], row["u"])) for row in rows],
            "twice": [first(row["i"], 1) == 1 for row in rows],
            "literal": [5 for _ in rows],
            "truth": [True for _ in rows],
            "nothing": [low(row["i"]) for row in rows],
        }


def test_kinds():
    """Filled by what is never null, it is never null."""
    assert FillNull().infer([ValueType("integer"), ValueType("integer", False)]) == ValueType("integer", False)
    with pytest.raises(InvalidInput, match="the value and its filling are integer and text"):
        FillNull().infer([ValueType("integer"), ValueType("text")])

"""ops.where: a null condition is not True."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.where import Where


class TestWhere(OpCases):
    """Branches of every kind, literals, None, and conditions with nulls."""

    columns: ClassVar = {
        "f": "boolean",
        "g": "boolean",
        "a": "number",
        "i": "integer",
        "j": "integer",
        "t": "text",
        "u": "text",
    }

    def features(self, x):
        """Each kind of result."""
        return {
            "number": ops.where(x.f, x.a, 1.5),
            "mixed": ops.where(x.f, x.a, x.i),
            "integer": ops.where(x.f, x.i // 4096, x.j // 4096),
            "boolean": ops.where(x.f, x.g, x.a > 0),
            "text": ops.where(x.f, x.t, x.u) == "AA",
            "none": ops.where(x.f, None, x.i // 4096),
            "none_else": ops.where(x.a > 0, x.g, None),
            "null_text": ops.where(x.f, x.t, None).is_null(),
            "literals": ops.where(x.f, 1, 2),
            "same": ops.where(x.f, True, True),
            "always": ops.where(True, 5, x.i // 4096),
            "both_none": ops.where(x.f, None, None),
        }

    def define(self, rows, fitted):
        """Python's if, for True alone."""
        found = {}

        def choose(name, make):
            found[name] = [make(row) for row in rows]

        def low(value):
            return None if value is None else value // 4096

        choose("number", lambda row: row["a"] if row["f"] else 1.5)
        choose("mixed", lambda row: row["a"] if row["f"] else row["i"])
        choose("integer", lambda row: low(row["i"]) if row["f"] else low(row["j"]))
        choose("boolean", lambda row: row["g"] if row["f"] else None if row["a"] is None else row["a"] > 0)

        def text(row):
            value = row["t"] if row["f"] else row["u"]
            return None if value is None else value == "AA"

        choose("text", text)
        choose("none", lambda row: None if row["f"] else low(row["i"]))
        choose("none_else", lambda row: row["g"] if row["a"] is not None and row["a"] > 0 else None)
        choose("null_text", lambda row: not row["f"] or row["t"] is None)
        choose("literals", lambda row: 1 if row["f"] else 2)
        choose("same", lambda row: True)
        choose("always", lambda row: 5)
        choose("both_none", lambda row: None)
        return found


def test_kinds():
    """The condition is boolean, the branches can be one kind."""
    boolean, integer, text = ValueType("boolean"), ValueType("integer", False), ValueType("text")
    assert Where().infer([boolean, integer, ValueType("number")]).kind == "number"
    assert Where().infer([boolean, integer, ValueType("null")]) == ValueType("integer", True)
    with pytest.raises(InvalidInput, match="the condition is integer"):
        Where().infer([integer, integer, integer])
    with pytest.raises(InvalidInput, match=r"the branches of ops\.where are integer and text"):
        Where().infer([boolean, integer, text])

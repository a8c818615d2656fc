"""ops.absolute: without the sign."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.absolute import Absolute
from tests.transformation import meaning


class TestAbsolute(OpCases):
    """Numbers, integers, booleans."""

    columns: ClassVar = {"a": "number", "i": "integer", "b": "boolean"}

    def features(self, x):
        """As Python writes it."""
        return {"a": abs(x.a), "i": abs(x.i), "b": abs(x.b)}

    def define(self, rows, fitted):
        """Python's abs, within 64 bits."""
        return {
            "a": [None if row["a"] is None else abs(row["a"]) for row in rows],
            "i": [None if row["i"] is None else float(meaning.wrap(abs(row["i"]))) for row in rows],
            "b": [row["b"] for row in rows],
        }


def test_text_is_refused():
    """Text has no sign."""
    with pytest.raises(InvalidInput, match="no sign"):
        Absolute().infer([ValueType("text")])

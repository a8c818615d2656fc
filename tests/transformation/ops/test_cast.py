"""ops.cast: only what means the same everywhere."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.testing.op_cases import OpCases
from headrace.transformation import ops
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.cast import Cast
from tests.transformation import meaning


class TestCast(OpCases):
    """Every cast there is."""

    columns: ClassVar = {"a": "number", "i": "integer", "f": "boolean", "w": "timestamp"}
    has_reference = False  # NumPy writes the digits of integers beyond 32 bits another way than ONNX Runtime

    def features(self, x):
        """From each kind to each other."""
        truncated = x.a.cast("integer")
        return {
            "a integer high": truncated // 2**40,
            "a integer low": truncated % 2**20,
            "a boolean": x.a.cast("boolean"),
            "i number": x.i.cast("number"),
            "i boolean": x.i.cast("boolean"),
            "i text": x.i.cast("text") == "-9223372036854775808",
            "i text null": x.i.cast("text").is_null(),
            "f number": x.f.cast("number"),
            "f integer": x.f.cast("integer") + 1,
            "w number": ops.cast(x.w, kind="number"),
            "w integer": x.w.cast("integer") // 2**20,
            "same": x.a.cast("number"),
        }

    def define(self, rows, fitted):
        """Python's conversions."""

        def each(name, make):
            return [None if row[name] is None else make(row[name]) for row in rows]

        whole = [meaning.to_integer(row["a"]) for row in rows]
        return {
            "a integer high": [None if item is None else item // 2**40 for item in whole],
            "a integer low": [None if item is None else item % 2**20 for item in whole],
            "a boolean": each("a", bool),
            "i number": each("i", float),
            "i boolean": each("i", bool),
            "i text": each("i", lambda item: item == -(2**63)),
            "i text null": [row["i"] is None for row in rows],
            "f number": each("f", float),
            "f integer": each("f", lambda item: int(item) + 1),
            "w number": each("w", float),
            "w integer": each("w", lambda item: item // 2**20),
            "same": each("a", float),
        }


@pytest.mark.parametrize(
    ("source", "target"),
    [("text", "number"), ("text", "integer"), ("number", "text"), ("boolean", "text"), ("timestamp", "boolean")],
)
def test_what_is_refused(source, target):
    """The meaning of a text and the digits of a float differ from place to place."""
    with pytest.raises(InvalidInput, match=f"{source} cannot be cast to {target}"):
        Cast(target).infer([ValueType(source)])


def test_unknown_kind():
    """The nearest kind is proposed."""
    with pytest.raises(UnknownName, match="did you mean 'integer'"):
        Cast("interger")

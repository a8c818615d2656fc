"""+ - * / // %: int64 stays int64, numbers are float64, null propagates."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput, UnknownName
from headrace.testing.op_cases import OpCases
from headrace.transformation._contract import ValueType
from headrace.transformation.ops.arithmetic import Arithmetic
from tests.transformation import meaning

OPERATORS = ("+", "-", "*", "/", "//", "%")


def record(operator, a, b):
    """The operator, applied."""
    operations = {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "/": lambda: a / b,
        "//": lambda: a // b,
        "%": lambda: a % b,
    }
    return operations[operator]()


class TestNumbers(OpCases):
    """Columns, literals on either side, and an integer beside a number."""

    columns: ClassVar = {"a": "number", "b": "number", "i": "integer"}
    has_reference = False  # its Mod with fmod is Python's, which differs for infinities

    def features(self, x):
        """Every operator over every pair."""
        found = {}
        for sign in OPERATORS:
            found[f"a{sign}b"] = record(sign, x.a, x.b)
            found[f"a{sign}i"] = record(sign, x.a, x.i)
            found[f"a{sign}2.5"] = record(sign, x.a, 2.5)
            found[f"-3{sign}a"] = record(sign, -3, x.a)
            found[f"a{sign}-4"] = record(sign, x.a, -4)
        return found

    def define(self, rows, fitted):
        """float64 by IEEE 754."""
        found = {}
        for sign in OPERATORS:
            for name, left, right in (
                ("b", "a", "b"),
                ("i", "a", "i"),
                ("2.5", "a", 2.5),
                ("a", -3, "a"),
                ("-4", "a", -4),
            ):
                key = f"-3{sign}a" if left == -3 else f"a{sign}{name}"
                found[key] = [
                    meaning.arithmetic(
                        sign,
                        row[left] if isinstance(left, str) else left,
                        row[right] if isinstance(right, str) else right,
                        as_integers=False,
                    )
                    for row in rows
                ]
        return found


# name -> (left, right) of a row of columns or of values
PAIRS = {
    "i,j": lambda row: (row["i"], row["j"]),
    "i,flag": lambda row: (row["i"], row["flag"]),
    "when,3600": lambda row: (row["when"], 3_600_000_000),
    "i,7": lambda row: (row["i"], 7),
    "i,-7": lambda row: (row["i"], -7),
    "i,0": lambda row: (row["i"], 0),
    "i,-1": lambda row: (row["i"], -1),
    "5,j": lambda row: (5, row["j"]),
}
WHOLE = [(sign, name) for sign in ("//", "%") for name in PAIRS] + [
    (sign, name) for sign in ("+", "-", "*") for name in ("i,j", "i,flag")
]


class TestIntegers(OpCases):
    """Integers, booleans and timestamps: exact, wrapping around at 64 bits; by 0 and by -1 too."""

    columns: ClassVar = {"i": "integer", "j": "integer", "flag": "boolean", "when": "timestamp"}
    has_reference = False  # NumPy's integer // rounds down where ONNX's Div rounds towards zero

    def features(self, x):
        """Results are taken apart so that float32 shows every bit of them."""
        found = {}
        for sign, name in WHOLE:
            value = record(sign, *PAIRS[name](x))
            found[f"{name} {sign} high"] = value // 1048576 // 1048576
            found[f"{name} {sign} middle"] = value // 1048576 % 1048576
            found[f"{name} {sign} low"] = value % 1048576
        found["i/j"] = x.i / x.j
        return found

    def define(self, rows, fitted):
        """Python's integers, cut to 64 bits."""
        found = {}
        for sign, name in WHOLE:
            values = [meaning.arithmetic(sign, *PAIRS[name](row), as_integers=True) for row in rows]
            found[f"{name} {sign} high"] = [None if v is None else v // 2**40 for v in values]
            found[f"{name} {sign} middle"] = [None if v is None else v // 2**20 % 2**20 for v in values]
            found[f"{name} {sign} low"] = [None if v is None else v % 2**20 for v in values]
        found["i/j"] = [meaning.arithmetic("/", row["i"], row["j"], as_integers=False) for row in rows]
        return found


def test_kinds():
    """Integers stay integers but under /; a number makes a number; text is refused."""
    integer, number, text = ValueType("integer", False), ValueType("number"), ValueType("text")
    assert Arithmetic("+").infer([integer, ValueType("boolean", False)]) == integer
    assert Arithmetic("//").infer([integer, integer]) == ValueType("integer", True)
    assert Arithmetic("/").infer([integer, integer]) == number
    assert Arithmetic("-").infer([integer, number]) == number
    with pytest.raises(InvalidInput, match=r"text cannot be used with \+.*ops.cross"):
        Arithmetic("+").infer([integer, text])
    with pytest.raises(UnknownName, match="arithmetic operator"):
        Arithmetic("@")

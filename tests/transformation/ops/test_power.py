"""**: constant exponents, in float64."""

from typing import ClassVar

import pytest

from headrace.errors import InvalidInput
from headrace.testing.op_cases import OpCases
from headrace.transformation.ops.power import Power
from tests.transformation import meaning

EXPONENTS = (2, 3, 0.5, -1, 0, 1, 1.7, -2.5, 5)


class TestPower(OpCases):
    """Columns of numbers and integers to many powers."""

    columns: ClassVar = {"a": "number", "i": "integer"}
    has_reference = False  # NumPy's pow is not the C library's to the last bit

    def features(self, x):
        """Each exponent."""
        return {f"{name}**{item}": x[name] ** item for name in ("a", "i") for item in EXPONENTS}

    def define(self, rows, fitted):
        """The C library's pow."""
        return {
            f"{name}**{item}": [meaning.power(row[name], item) for row in rows]
            for name in ("a", "i")
            for item in EXPONENTS
        }


@pytest.mark.parametrize("exponent", [float("nan"), float("inf"), True, "2"])
def test_bad_exponents(exponent):
    """An exponent must be a finite number."""
    with pytest.raises(InvalidInput, match="exponent"):
        Power(exponent)

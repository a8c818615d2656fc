"""ops.string_length: how many characters a text has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.schema import Kind
from headrace.transformation._contract import PreludeOp

__all__ = ["StringLength"]


@dataclass(frozen=True)
class StringLength(PreludeOp):
    """`ops.string_length(x.title)`, or `x.title.str.length()`: the number of characters (code points), an integer.

    An accent may be a character of its own: "e\\u0301" has two.

    Nulls: null stays null. '' has 0.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters.
    Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.string_length(x.title)}).text(1)
    'string_length(x.title)'
    """

    result_kind: ClassVar[Kind] = "integer"

    def step(self) -> tuple[str | int | float | None, ...]:
        """length."""
        return ("length",)

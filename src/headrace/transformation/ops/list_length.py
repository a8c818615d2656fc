"""ops.list_length: how many values a list has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.schema import Kind
from headrace.transformation._contract import ListOp

__all__ = ["ListLength"]


@dataclass(frozen=True)
class ListLength(ListOp):
    """`ops.list_length(x.prices)`, or `x.prices.list.length()`: the number of values, null ones too, an integer.

    Nulls: null stays null; an empty list has 0.

    Raises InvalidInput for what is no raw column of lists.
    Cost: the codec does it, about 1 us for one row and 0.1 us a value.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.list_length(x.prices)}).text(1)
    'list_length(x.prices)'
    """

    result_kind: ClassVar[Kind] = "integer"

    def step(self) -> tuple[str | int | float | None, ...]:
        """list_length."""
        return ("list_length",)

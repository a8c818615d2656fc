"""ops.list_get: one value of a list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.model.prelude import check_step
from headrace.schema import Kind
from headrace.transformation._contract import ListOp

__all__ = ["ListGet"]


@dataclass(frozen=True)
class ListGet(ListOp):
    """`ops.list_get(x.prices, index=0)`, or `x.prices.list.get(0)`: the value at a place, of its kind.

    Parameters
    ----------
    index : int
        The place, 0 being the first; -1 is the last.

    Nulls: null stays null; a place the list does not have gives null, and so does a null value.

    Raises InvalidInput for what is no raw column of lists.
    Cost: the codec does it, about 1 us for one row and 0.1 us a value.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.list_get(x.prices, index=0)}).text(1)
    'list_get(x.prices, index=0)'
    """

    index: int

    makes_null: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_step(self.step())

    def kind_of(self, values_kind: Kind) -> Kind:
        """The values' own."""
        return values_kind

    def step(self) -> tuple[str | int | float | None, ...]:
        """list_get."""
        return ("list_get", self.index)

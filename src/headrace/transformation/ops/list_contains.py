"""ops.list_contains: whether a list has a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from headrace.errors import InvalidInput
from headrace.model.prelude import check_step
from headrace.schema import Kind
from headrace.transformation._contract import ListOp, ValueType

__all__ = ["ListContains"]

_FITTING = {"text": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float)}


@dataclass(frozen=True)
class ListContains(ListOp):
    """`ops.list_contains(x.tags, value="sale")`, or `x.tags.list.contains("sale")`: whether one of the values is this.

    Parameters
    ----------
    value : str, float, bool
        What is looked for, of the kind of the values.

    Nulls: null stays null; an empty list, and one of nulls, contains nothing.

    Raises InvalidInput for what is no raw column of lists of number or integer or boolean or text.
    Cost: the codec does it, about 1 us for one row and 0.1 us a value.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.list_contains(x.tags, value='sale')}).text(1)
    "list_contains(x.tags, value='sale')"
    """

    value: str | float | bool

    input_names: ClassVar[tuple[str, ...]] = ("values",)
    result_kind: ClassVar[Kind] = "boolean"
    takes: ClassVar[tuple[Kind, ...]] = ("number", "integer", "boolean", "text")

    def __post_init__(self) -> None:
        check_step(self.step())

    def infer(self, inputs: Sequence[ValueType]) -> ValueType:
        """boolean; InvalidInput where the value is of another kind than the list's."""
        found, kind = super().infer(inputs), inputs[0].values_kind
        if type(self.value) not in _FITTING[str(kind)]:
            raise InvalidInput(f"{self.value!r} is no {kind}", expected=f"a value of a list of {kind}")
        return found

    def step(self) -> tuple[str | int | float | None, ...]:
        """list_contains."""
        return ("list_contains", self.value)

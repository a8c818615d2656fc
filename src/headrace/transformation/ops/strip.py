"""ops.strip: a text without the space around it."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.transformation._contract import PreludeOp

__all__ = ["Strip"]


@dataclass(frozen=True)
class Strip(PreludeOp):
    """`ops.strip(x.city)`, or `x.city.str.strip()`: the text without the white space around it, as Python has it.

    A text of white space alone becomes '', which is a value like others.

    Nulls: null stays null.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters.
    Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.strip(x.city)}).text(1)
    'strip(x.city)'
    """

    def step(self) -> tuple[str | int | float | None, ...]:
        """strip."""
        return ("strip",)

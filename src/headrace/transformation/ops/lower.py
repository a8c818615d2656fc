"""ops.lower: a text in lower case."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.transformation._contract import PreludeOp

__all__ = ["Lower"]


@dataclass(frozen=True)
class Lower(PreludeOp):
    """`ops.lower(x.title)`, or `x.title.str.lower()`: every letter in lower case, as Python has it.

    The running Python's edition of Unicode decides what is a letter: two editions differ in scripts added between them.

    Nulls: null stays null.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters.
    Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.lower(x.title)}).text(1)
    'lower(x.title)'
    """

    def step(self) -> tuple[str | int | float | None, ...]:
        """lower."""
        return ("lower",)

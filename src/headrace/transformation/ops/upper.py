"""ops.upper: a text in upper case."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.transformation._contract import PreludeOp

__all__ = ["Upper"]


@dataclass(frozen=True)
class Upper(PreludeOp):
    """`ops.upper(x.code)`, or `x.code.str.upper()`: every letter in upper case, as Python has it ("ß" becomes "SS").

    The running Python's edition of Unicode decides what is a letter: two editions differ in scripts added between them.

    Nulls: null stays null.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters.
    Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.upper(x.code)}).text(1)
    'upper(x.code)'
    """

    def step(self) -> tuple[str | int | float | None, ...]:
        """upper."""
        return ("upper",)

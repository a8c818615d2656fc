"""ops.replace: every match of a pattern, replaced."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.model.prelude import check_step
from headrace.transformation._contract import PreludeOp

__all__ = ["Replace"]


@dataclass(frozen=True)
class Replace(PreludeOp):
    """`ops.replace(x.phone, pattern="[^0-9]", replacement="")`: every match replaced, from left to right.

    Parameters
    ----------
    pattern : str
        In RE2's language, which has no back-references and no look-around, so that no text can make it slow.
    replacement : str
        What stands there instead; "\\1" is what the pattern's first group matched.

    Nulls: null stays null.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters and for
    what is no such pattern. Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.replace(x.phone, pattern="[^0-9]", replacement="")}).text(1)
    "replace(x.phone, pattern='[^0-9]', replacement='')"
    """

    pattern: str
    replacement: str

    def __post_init__(self) -> None:
        check_step(self.step())

    def step(self) -> tuple[str | int | float | None, ...]:
        """replace, its pattern and its replacement."""
        return ("replace", self.pattern, self.replacement)

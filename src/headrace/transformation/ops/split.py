"""ops.split: one piece of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from headrace.model.prelude import check_step
from headrace.transformation._contract import PreludeOp

__all__ = ["Split"]


@dataclass(frozen=True)
class Split(PreludeOp):
    """`ops.split(x.email, separator="@", index=1)`: what stands between one separator and the next.

    Several pieces at once are what `ops.multi_hot` and `ops.bag_of_words` count.

    Parameters
    ----------
    separator : str
        Whole and exactly, not a pattern; not ''.
    index : int
        0 is the first piece, -1 the last.

    Nulls: null stays null, and a text with fewer pieces gives null.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters and for
    an empty separator. Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.split(x.email, separator="@", index=1)}).text(1)
    "split(x.email, separator='@', index=1)"
    """

    separator: str
    index: int

    makes_null: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_step(self.step())

    def step(self) -> tuple[str | int | float | None, ...]:
        """split, its separator and its index."""
        return ("split", self.separator, self.index)

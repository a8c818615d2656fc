"""ops.substring: some of the characters of a text."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.model.prelude import check_step
from headrace.transformation._contract import PreludeOp

__all__ = ["Substring"]


@dataclass(frozen=True)
class Substring(PreludeOp):
    """`ops.substring(x.postcode, stop=2)`: the characters from `start` up to `stop`, as text[start:stop].

    Parameters
    ----------
    start, stop : int, optional
        Counted in characters (code points) from 0; negative ones from the end; None = as far as the text goes.

    Nulls: null stays null. A text that is shorter gives what there is, perhaps ''.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters and for
    what is no whole number. Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.substring(x.postcode, stop=2)}).text(1)
    'substring(x.postcode, stop=2)'
    """

    start: int | None = None
    stop: int | None = None

    def __post_init__(self) -> None:
        check_step(self.step())

    def step(self) -> tuple[str | int | float | None, ...]:
        """slice, its start and its stop."""
        return ("slice", self.start, self.stop)

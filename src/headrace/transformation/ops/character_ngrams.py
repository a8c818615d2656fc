"""ops.character_ngrams: the runs of characters of a text, as tokens."""

from __future__ import annotations

from dataclasses import dataclass

from headrace.model.prelude import check_step
from headrace.transformation._contract import PreludeOp

__all__ = ["CharacterNgrams"]


@dataclass(frozen=True)
class CharacterNgrams(PreludeOp):
    """`ops.character_ngrams(x.name, least=2, most=3)`: every run of two or three neighbouring characters.

    They are joined by U+001F into one text, for `ops.bag_of_words`, `ops.tf_idf` or `ops.multi_hot` with
    `separator="\\x1f"`: what misspelt and compound words have in common. Shorter runs come first.

    Parameters
    ----------
    least, most : int
        1 to 8, least first.

    Nulls: null stays null. A text shorter than `least` gives ''.

    Raises InvalidInput for kinds other than text, for what is not a raw column or another op on its characters and for
    sizes out of range. Cost: the codec does it, about 1 us for one row.

    Examples
    --------
    >>> from headrace.transformation import ops, trace
    >>> trace(lambda x: {"f": ops.character_ngrams(x.name, least=2, most=3)}).text(1)
    'character_ngrams(x.name, least=2, most=3)'
    """

    least: int
    most: int

    def __post_init__(self) -> None:
        check_step(self.step())

    def step(self) -> tuple[str | int | float | None, ...]:
        """ngrams, and both sizes."""
        return ("ngrams", self.least, self.most)

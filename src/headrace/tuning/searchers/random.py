"""A uniform draw, whatever came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.training.space import Space
from headrace.tuning._contract import Past, Searcher, draw

__all__ = ["Random"]


@dataclass(frozen=True)
class Random(Searcher):
    """Every trial on its own: what others are compared with, and what any number of workers may share.

    Cost: microseconds. Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", JMLR 2012.

    >>> from headrace.training.space import Int
    >>> Random().suggest({"max_depth": Int(2, 10)}, [], seed=0, number=0)
    {'max_depth': 10}
    """

    def suggest(self, space: Space, history: Sequence[Past], *, seed: int, number: int) -> dict[str, Any]:
        """See Searcher."""
        return draw(space, seed, number)

"""What a semantic type is: one class a file in `semantics/`, which says whether a column's values are of it, and why.

    class Email(SemanticType):
        rank = 20
        def recognise(self, seen: Seen) -> Evidence | None: ...

What is recognised is a guess with its evidence beside it: it is shown, and nothing is refused because of it.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from headrace import lookup
from headrace.fold import GroupDistribution
from headrace.kinds import Kind

__all__ = ["Evidence", "Seen", "Semantic", "SemanticType", "recognise"]

NUM_LOOKED_AT = 200


@dataclass(frozen=True)
class Semantic:
    """What a column's values are about.

    Parameters
    ----------
    name : str
        The semantic type's: "email"; one of the files in `headrace/statistics/semantics`.
    share : float
        Of the distinct values that were looked at, the share that is of the type.
    evidence : str
        What says so, in words; never a value of the column.
    """

    name: str
    share: float
    evidence: str


@dataclass(frozen=True)
class Evidence:
    """Why a column is of a type: the share of values looked at that fit, and words."""

    share: float
    words: str


@dataclass(frozen=True)
class Seen:
    """What a semantic type is shown of a column.

    Parameters
    ----------
    name : str
        The column's.
    kind : Kind
        Its type.
    num_rows, num_present, num_distinct : int
        Rows, those not null, and the distinct values among them.
    is_exact : bool
        Whether `num_distinct` is.
    min, max : number or None
        Of numbers.
    mean_length : float
        Of texts, in characters; 0 for others.
    values : tuple of str
        Up to 200 distinct texts, spread over all there are; () for other kinds.
    is_whole : bool or None
        Whether every number is a whole one; for timestamps, whether every moment is midnight in UTC. None where there
        are too many values to know.
    """

    name: str
    kind: Kind
    num_rows: int
    num_present: int
    num_distinct: int
    is_exact: bool
    min: Any
    max: Any
    mean_length: float
    values: tuple[str, ...]
    is_whole: bool | None

    def share(self, fits: Callable[[str], object]) -> float:
        """The share of `values` for which `fits` is true; 0 where there are none."""
        return sum(bool(fits(value)) for value in self.values) / len(self.values) if self.values else 0.0


class SemanticType(ABC):
    """The contract: `recognise` looks at what is seen of a column and gives evidence, or None.

    The type of the lowest `rank` that has any is the column's: what says more comes first.
    """

    rank: ClassVar[int]

    @abstractmethod
    def recognise(self, seen: Seen) -> Evidence | None:
        """Why the column is of this type; None where it is not."""


@functools.cache
def _types() -> tuple[tuple[str, SemanticType], ...]:
    found: list[tuple[str, SemanticType]] = [
        (name, lookup.find("semantic", name)()) for name in lookup.names("semantic")
    ]
    return tuple(sorted(found, key=lambda item: (item[1].rank, item[0])))


def recognise(name: str, kind: Kind, one: GroupDistribution) -> Semantic | None:
    """What a column's values are about; None where nothing is recognised, or there are no values.

    Cost: about half a millisecond for texts.
    """
    if not one.num_present or kind in ("null", "list", "struct", "other", "binary"):
        return None
    is_text = kind == "text"
    seen = Seen(
        name,
        kind,
        one.num_rows,
        one.num_present,
        one.num_distinct,
        one.is_exact,
        None if is_text else one.min,
        None if is_text else one.max,
        one.lengths[1] if is_text else 0.0,
        tuple(text for text in one.some_values(NUM_LOOKED_AT) if text) if is_text else (),
        None if is_text else one.is_whole(86_400_000_000 if kind == "timestamp" else 1),
    )
    for type_name, semantic_type in _types():
        evidence = semantic_type.recognise(seen)
        if evidence is not None:
            return Semantic(type_name, evidence.share, evidence.words)
    return None

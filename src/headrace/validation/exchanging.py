"""Exchange: schemas and statistics in another tool's files, so that a person can come from it, and go back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from headrace.schema import Schema
from headrace.statistics import FeatureStatistics, Statistics

__all__ = ["Exchange", "Summary"]

# A data set or slice as another tool knows it: its name, its rows, and what is known of each feature.
Summary = tuple[str, int, dict[str, FeatureStatistics]]


class Exchange(ABC):
    """The contract: four methods, bytes on one side, our nouns on the other.

    What one side cannot say is never dropped in silence: each method that loses something says so in its notes, a line
    each. What we write and read back is what we had.
    """

    @abstractmethod
    def read_schema(self, data: bytes, where: str) -> tuple[Schema, list[str]]:
        """A schema from the other's bytes, and what of it has no meaning here.

        Raises InvalidInput, naming `where`, for bytes that are no schema.
        """

    @abstractmethod
    def write_schema(self, schema: Schema) -> tuple[bytes, list[str]]:
        """The schema as the other's bytes, and what of it the other does not judge."""

    @abstractmethod
    def read_statistics(self, data: bytes, where: str) -> list[Summary]:
        """Statistics from the other's bytes: a summary of all rows, then of slices.

        Raises InvalidInput, naming `where`, for bytes that are none.
        """

    @abstractmethod
    def write_statistics(self, statistics: Statistics, *, text: bool = False) -> bytes:
        """Statistics, slices included, as the other's bytes; or as its text for people, where it has one."""


def lines_of(notes: Sequence[str], most: int = 20) -> list[str]:
    """Notes, the first of them.

    >>> lines_of(["a", "b", "c"], 2)
    ['a', 'and 2 more']
    """
    return list(notes) if len(notes) <= most else [*notes[: most - 1], f"and {len(notes) - most + 1} more"]

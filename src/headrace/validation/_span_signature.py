"""What a span's signature is: the mark of a fault that no column shows alone.

Columns that changed places, rows that came twice, shares that moved: such a signature looks at a whole new span beside
the earlier ones, its columns and their slices, and answers with faults. It is one file in `validation/signatures/`,
like those of single columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from headrace.validation._cells import Beside, Cell, Cells
from headrace.validation._search import Fault

__all__ = ["SpanChange", "SpanFault", "SpanSignature"]


@dataclass(frozen=True, eq=False)
class SpanChange:
    """A new span beside earlier ones.

    Parameters
    ----------
    beside : Beside
        For more folds; nearly all is in the states kept.
    span : str
        The new span.
    whole : mapping of str to Cell
        Every column that is compared.
    slices : mapping of str to (mapping of slicing column to Cells)
        Of the columns that differ at all.
    columns : sequence of str
        The columns that rows are cut by.
    faults : mapping of str to list of Fault
        What single columns show.
    """

    beside: Beside
    span: str
    whole: Mapping[str, Cell]
    slices: Mapping[str, Mapping[str, Cells]]
    columns: Sequence[str]
    faults: Mapping[str, Sequence[Fault]]


@dataclass(frozen=True, eq=False)
class SpanFault:
    """A fault of the span, and the columns it explains.

    Parameters
    ----------
    feature : str or None
        The column that it is told of; None = the rows as such.
    fault : Fault
    explains : tuple of str
        Columns that need no other explanation; their own faults in all rows are not told.
    settles : tuple of Fault
        Faults of single columns that it explains besides.
    """

    feature: str | None
    fault: Fault
    explains: tuple[str, ...] = ()
    settles: tuple[Fault, ...] = ()


class SpanSignature(ABC):
    """The contract: one method. `code` is the file's stem; `rank` the order in which they are asked."""

    code: ClassVar[str]
    rank: ClassVar[int]

    @abstractmethod
    def find(self, change: SpanChange) -> list[SpanFault]:
        """The faults of this kind; [] where there are none."""

    def leaves(self, name: str, fault: Fault, found: SpanFault) -> bool:
        """Whether a fault of a column that `found` explains is told all the same; by default none is."""
        return False

"""What an engine is: it runs folds and maps over the fragments of a data set, and answers the same bytes as any other.

    engine.fold(folds, dataset, parts)                    one state a fold
    engine.fold_parts(folds, dataset, parts)              one state a fold by (span, split); a fragment is read once
    engine.fold_by_key(folds, keys, dataset, parts)       one grouped state a fold for each of the keys
    engine.map(work, dataset, parts)                      rows, in part order

Because folds are commutative to the byte, an engine may cut the rows where it likes and merge in any order. What it
must do: run equal folds once, read a fragment once for all of its parts, count the rows of every part and refuse a
count that is not the manifest's, hold batches and states in memory, never fragments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.dataset import Dataset, Part
from headrace.fold import Fold, Rows, State

__all__ = ["AnyFold", "Engine", "Grouped", "Keys", "PartName", "Work"]

AnyFold = Fold[Any, Any]

PartName = tuple[str, str | None]
"""(span, split); split None for all rows of the span."""


class Work(ABC):
    """A map from rows to rows, put before folds (`through`) or run alone: derived columns, predictions.

    Subclasses are frozen dataclasses, so that they travel as `module:name` and JSON. `__call__` runs on several
    threads at once and must not keep state. It answers rows in the order they came, as many or fewer; columns it does
    not return are joined to its answer again when the number of rows is the same, as are row ids and weights.
    `packages` names those, beside numpy and pyarrow, whose version its answers may depend on.
    """

    packages: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """The columns read; "@row_id" among them asks for row ids."""

    @abstractmethod
    def __call__(self, rows: Rows) -> Rows:
        """The derived rows; never changes its argument."""


@runtime_checkable
class Keys(Protocol):
    """What rows are grouped by; `headrace.slicing.SliceSpec` is one. No columns = one group of all rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values, nulls included, make a group."""


@dataclass(frozen=True)
class Grouped:
    """The answer of `fold_by_key` for one of its keys.

    Parameters
    ----------
    keys : pyarrow.Table [num_groups]
        The key columns in canonical types (`headrace.schema.arrow_type`), sorted by value, text by bytes, NaN after
        numbers, nulls last. Without key columns the table is empty and there is one group.
    num_rows : int64[num_groups]
        Rows in each group.
    states : list of State
        One for each fold asked for, its groups in the order of `keys`.
    """

    keys: pa.Table
    num_rows: npt.NDArray[np.int64]
    states: list[State]

    @property
    def num_groups(self) -> int:
        """Groups; 1 without key columns."""
        return len(self.num_rows)


class Engine(Protocol):
    """The contract; see the module's docstring. `headrace.testing.EngineCases` checks it."""

    def fold(
        self, folds: Sequence[AnyFold], dataset: Dataset, parts: Sequence[Part], *, through: Work | None = None
    ) -> list[State]:
        """One state of one group for each fold, over all rows of the parts."""

    def fold_parts(
        self, folds: Sequence[AnyFold], dataset: Dataset, parts: Sequence[Part], *, through: Work | None = None
    ) -> dict[PartName, list[State]]:
        """For each (span, split) of the parts, one state of one group for each fold; a fragment is read once."""

    def fold_by_key(
        self,
        folds: Sequence[AnyFold],
        keys: Sequence[Keys],
        dataset: Dataset,
        parts: Sequence[Part],
        *,
        min_rows: int = 0,
        through: Work | None = None,
    ) -> list[Grouped]:
        """For each of the keys, every fold's states by group; groups under `min_rows` rows are left out."""

    def map(self, work: Work, dataset: Dataset, parts: Sequence[Part]) -> Iterator[tuple[Part, Rows]]:
        """The work's answers, in the order of the parts and of their rows."""

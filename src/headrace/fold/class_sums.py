"""ClassSums: `Sums` over rows whose prediction is a probability for each of several classes."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from headrace import lookup
from headrace.fold._class_scores import read_class_scores
from headrace.fold._contract import Groups, Rows
from headrace.fold._scored import Floats, Scored
from headrace.fold.sums import Pairs, Sums, Terms

__all__ = ["ClassSums"]


@dataclass(frozen=True)
class _ClassTerms:
    """A metric's `class_terms`, as `Sums` asks for them; labels are whole numbers."""

    member: Any
    is_binary: bool = True

    def terms(self, label: Floats, prediction: Floats) -> Sequence[npt.NDArray[Any]]:
        """Arrays of [num_rows], each to be summed."""
        return cast(Sequence[npt.NDArray[Any]], self.member.class_terms(label, prediction))


@functools.lru_cache(maxsize=256)
def _member(metric: str, parameters: Pairs, num_classes: int) -> tuple[Terms, int]:
    member = _ClassTerms(lookup.find("metric", metric)(**dict(parameters)))
    return member, len(member.terms(np.zeros(0), np.zeros((0, num_classes))))


@dataclass(frozen=True)
class ClassSums(Sums):
    """Exact sums of one metric's `class_terms`.

    Parameters
    ----------
    metric, parameters, label, prediction, replicates, seed
        As of `Sums`; labels are classes' places, and num_classes for a value that is none of them.
    num_classes : int
        Numbers in each prediction.

    Cost: as `Sums`, and 2 ns a row and class.

    >>> ClassSums("log_loss", num_classes=3).columns
    ('label', 'prediction')
    """

    num_classes: int = 3

    def _terms(self) -> tuple[Terms, int]:
        return _member(self.metric, self.parameters, self.num_classes)

    def _scored(self, rows: Rows, groups: Groups | None, member: Terms) -> Scored:
        return read_class_scores(rows, self.label, self.prediction, groups, self.num_classes)

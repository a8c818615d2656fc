"""LabelSums and LabelTotals: what the folds of classes know, of rows that have a set of labels instead of one class.

Labels are lists of 0 and 1, one number for each label that there is; predictions are lists of a probability for each.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from headrace import lookup
from headrace.fold._class_scores import read_matrix
from headrace.fold._contract import Groups, Rows
from headrace.fold._fixed_point import add_words, sum_by_group
from headrace.fold._scored import WEIGHT_LIMIT, Floats, Scored
from headrace.fold.class_sums import ClassSums
from headrace.fold.class_totals import ClassTotals, ClassTotalsResult, ClassTotalsState
from headrace.fold.sums import Pairs, Terms

__all__ = ["LabelSums", "LabelTotals", "LabelTotalsResult"]


def _read(rows: Rows, label: str, prediction: str, groups: Groups | None, num_labels: int) -> Scored:
    """Rows that have labels; of what is found `prediction` is labels and predictions beside each other, `label` is 0.

    Not valid are rows with a label that is neither 0 nor 1, or without a probability.
    """
    both = np.concatenate([read_matrix(rows, name, num_labels) for name in (label, prediction)], axis=1)
    weights, taken = rows.weight, np.zeros(len(both), np.int32) if groups is None else groups
    keep = ~np.isnan(both[:, :num_labels]).all(axis=1)
    if groups is not None:
        keep &= groups >= 0
    index = None
    if not keep.all():
        index = np.flatnonzero(keep)
        both, taken = both[index], taken[index]
        weights = None if weights is None else weights[index]
    labels = both[:, :num_labels]
    valid = ~np.isnan(both).any(axis=1) & ((labels == 0.0) | (labels == 1.0)).all(axis=1)
    if weights is not None:
        valid &= (weights >= 0.0) & (weights < WEIGHT_LIMIT)  # False for NaN as well
    none = np.zeros(len(both))
    if valid.all():
        return Scored(none, both, weights, taken, None, index)
    both = np.where(valid[:, None], both, 0.0)
    return Scored(none, both, None if weights is None else np.where(valid, weights, 0.0), taken, valid, index)


@dataclass(frozen=True)
class _LabelTerms:
    """A metric's `label_terms`, as `Sums` asks for them."""

    member: Any
    is_binary: bool = True

    def terms(self, label: Floats, prediction: Floats) -> Sequence[npt.NDArray[Any]]:
        """Arrays of [num_rows], each to be summed."""
        half = prediction.shape[1] // 2
        return cast(Sequence[npt.NDArray[Any]], self.member.label_terms(prediction[:, :half], prediction[:, half:]))


@functools.lru_cache(maxsize=256)
def _member(metric: str, parameters: Pairs, num_labels: int) -> tuple[Terms, int]:
    member = _LabelTerms(lookup.find("metric", metric)(**dict(parameters)))
    return member, len(member.terms(np.zeros(0), np.zeros((0, 2 * num_labels))))


@dataclass(frozen=True)
class LabelSums(ClassSums):
    """Exact sums of one metric's `label_terms`.

    Parameters
    ----------
    metric, parameters, label, prediction, replicates, seed
        As of `Sums`; a row whose list of labels is null is left out.
    num_classes : int
        How many labels there are.

    Cost: as `Sums`, and 4 ns a row and label.

    >>> LabelSums("hamming_loss", num_classes=3).columns
    ('label', 'prediction')
    """

    def _terms(self) -> tuple[Terms, int]:
        return _member(self.metric, self.parameters, self.num_classes)

    def _scored(self, rows: Rows, groups: Groups | None, member: Terms) -> Scored:
        return _read(rows, self.label, self.prediction, groups, self.num_classes)


@dataclass(frozen=True)
class LabelTotalsResult(ClassTotalsResult):
    """What `LabelTotals` knows of each group: as of classes, but [num_groups, num_labels], there being no other."""


@dataclass(frozen=True)
class LabelTotals(ClassTotals):
    """Of each label the weight of rows that have it, are called it, and both; and of all rows; exact.

    Parameters
    ----------
    label, prediction : str
        Columns of lists of `num_classes` numbers: 0 or 1, and probabilities. A null list of labels: left out.
    num_classes : int
        How many labels there are.
    threshold : float
        A row is called every label whose probability is at or above it.

    Cost: about 10 ns a row and 10 ns a row and label; 48 bytes a label and group.

    >>> import pyarrow as pa
    >>> kind = pa.list_(pa.float32(), 2)
    >>> rows = {"label": pa.array([[1, 1], [0, 1]], kind), "prediction": pa.array([[0.9, 0.2], [0.6, 0.7]], kind)}
    >>> fold = LabelTotals(num_classes=2)
    >>> found = fold.extract(fold.add(fold.create(1), Rows(pa.RecordBatch.from_pydict(rows)), None))
    >>> found.labelled[0].tolist(), found.called[0].tolist(), found.right[0].tolist()
    ([1.0, 2.0], [2.0, 1.0], [1.0, 1.0])
    """

    threshold: float = 0.5

    def add(self, state: ClassTotalsState, rows: Rows, groups: Groups | None) -> ClassTotalsState:
        """Add rows; changes `state`."""
        scored = _read(rows, self.label, self.prediction, groups, self.num_classes)
        if not scored.num_rows:
            return state
        num_groups, width = state.num_groups, self.num_classes
        state.num_rows += np.bincount(scored.groups, minlength=num_groups)
        if scored.is_valid is not None:
            state.num_invalid += np.bincount(scored.groups[~scored.is_valid], minlength=num_groups)
            scored = scored.select(scored.is_valid)
        weight = np.ones(scored.num_rows) if scored.weight is None else scored.weight
        labels, called = scored.prediction[:, :width] > 0.0, scored.prediction[:, width:] >= self.threshold
        every = np.ones((scored.num_rows, 1), np.bool_)  # in the last place stand all rows
        for place, has in enumerate((labels, called, labels & called)):
            at, label = np.nonzero(np.concatenate([has, every], axis=1))
            cells = scored.groups[at].astype(np.int64) * (width + 1) + label
            size = num_groups * (width + 1)
            words = sum_by_group(weight[at], cells.astype(np.int32), size, is_whole=scored.weight is None)
            high, low = words[0].reshape(num_groups, width + 1), words[1].reshape(num_groups, width + 1)
            add_words(state.high, state.low, (slice(None), place), high, low)
        return state

    def extract(self, state: ClassTotalsState) -> LabelTotalsResult:
        """The weights of each group."""
        found = super().extract(state)
        cells = [np.ascontiguousarray(one[:, :-1]) for one in (found.labelled, found.called, found.right)]
        weight = np.ascontiguousarray(found.labelled[:, -1])
        return LabelTotalsResult(found.num_rows, found.num_invalid, weight, found.positive, *cells)

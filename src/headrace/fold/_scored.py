"""Labels, predictions and weights of one batch, as the folds behind metrics read them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.fold._column import read_column
from headrace.fold._contract import Groups, Rows

__all__ = ["WEIGHT_LIMIT", "Floats", "Scored", "read_floats", "read_scored"]

Floats = npt.NDArray[np.float64]

# Weights are kept on a grid of 2^-40 in 64 bits or more: above this one row could fill them.
WEIGHT_LIMIT = 2.0**40


@dataclass(frozen=True, slots=True)
class Scored:
    """The rows of a batch that have a label.

    Parameters
    ----------
    label, prediction : float64[num_rows]
        Finite labels; -0.0 is 0.0. A prediction may be infinite.
    weight : float64[num_rows] or None
        At least 0, under 2^40; None where every row counts once.
    groups : int32[num_rows]
        Never negative.
    is_valid : bool[num_rows] or None
        False where the label is infinite (or, of binary rows, neither 0 nor 1), the prediction is null or NaN, or the
        weight is null, NaN, negative or too large. Such a row's values are 0. None when all rows are valid.
    index : int64[num_rows] or None
        Where each row was in the batch; None when all are there.
    """

    label: Floats
    prediction: Floats
    weight: Floats | None
    groups: Groups
    is_valid: npt.NDArray[np.bool_] | None
    index: npt.NDArray[np.int64] | None

    @property
    def num_rows(self) -> int:
        """Rows with a label."""
        return len(self.label)

    def select(self, keep: npt.NDArray[np.bool_]) -> Scored:
        """The rows marked, all of them valid."""
        weight = None if self.weight is None else self.weight[keep]
        index = np.flatnonzero(keep) if self.index is None else self.index[keep]
        return Scored(self.label[keep], self.prediction[keep], weight, self.groups[keep], None, index)


def read_floats(rows: Rows, name: str) -> Floats:
    """A column of numbers as float64[num_rows], NaN where null; -0.0 is 0.0."""
    column = read_column(rows, name, "number", None)
    if column.values is None:
        return np.full(column.num_rows, np.nan)
    values = column.values.astype(np.float64) + 0.0
    if column.valid is not None:
        values[~column.valid] = np.nan
    return values


def read_scored(rows: Rows, label: str, prediction: str, groups: Groups | None, *, is_binary: bool) -> Scored:
    """Read the two columns; rows in no group (negative) or with a null or NaN label are left out.

    Raises UnknownName for a column that is not there, InvalidInput for one that holds no numbers.
    Cost: about 5 ns a row.
    """
    every = _every_row(rows, label, prediction, is_binary=is_binary)
    if groups is None:
        return dataclasses.replace(every, groups=np.zeros(every.num_rows, np.int32))
    taken = groups if every.index is None else groups[every.index]
    if not len(taken) or int(taken.min()) >= 0:
        return dataclasses.replace(every, groups=taken)
    keep = taken >= 0
    valid = None if every.is_valid is None or every.is_valid[keep].all() else every.is_valid[keep]
    some = dataclasses.replace(every, groups=taken).select(keep)
    return dataclasses.replace(some, is_valid=valid)


def _every_row(rows: Rows, label: str, prediction: str, *, is_binary: bool) -> Scored:
    """The rows that have a label, without their groups: worked out once for all cuts and metrics of a batch."""
    key = ("scored", label, prediction, is_binary)
    found: Scored | None = rows.kept.get(key)
    if found is None:
        found = rows.kept[key] = _score(rows, label, prediction, is_binary=is_binary)
    return found


def _score(rows: Rows, label: str, prediction: str, *, is_binary: bool) -> Scored:
    labels, predictions, weights = read_floats(rows, label), read_floats(rows, prediction), rows.weight
    keep = ~np.isnan(labels)
    index: npt.NDArray[np.int64] | None = None
    if not keep.all():
        index = np.flatnonzero(keep)
        labels, predictions = labels[index], predictions[index]
        weights = None if weights is None else weights[index]
    none = np.zeros(0, np.int32)
    valid = ~np.isnan(predictions)
    valid &= ((labels == 0.0) | (labels == 1.0)) if is_binary else np.isfinite(labels)
    if weights is not None:
        valid &= (weights >= 0.0) & (weights < WEIGHT_LIMIT)  # False for NaN as well
    if valid.all():
        return Scored(labels, predictions, weights, none, None, index)
    labels, predictions = np.where(valid, labels, 0.0), np.where(valid, predictions, 0.0)
    weights = None if weights is None else np.where(valid, weights, 0.0)
    return Scored(labels, predictions, weights, none, valid, index)

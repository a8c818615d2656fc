"""The rows of an evaluation, a cut of them into groups, and what rows move summed up by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.evaluation._curve import class_factors
from headrace.evaluation._shelf import Shelf
from headrace.fold.kernels.by_group import add_moments

__all__ = ["Cut", "Judged", "Moments"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]

_COUNTED_ROWS = 1 << 20


@dataclass(frozen=True)
class Judged:
    """The rows of an evaluation, as arrays.

    Parameters
    ----------
    label : float64[num_rows]
        Never NaN. Of sets of labels [num_rows, num_classes], 0 and 1.
    predictions : tuple of float64[num_rows], of several classes [num_rows, num_classes]
        One for each model; the first is the one that others are compared with.
    weight : float64[num_rows] or None
        None where every row counts once.
    row_id : uint64[num_rows] or None
        Equal ids are one witness; None where every row is one.
    query : uint64[num_rows] or None
        Rows of one number are ranked among each other.
    shelf : Shelf
        Where the arrays lie.
    """

    label: Floats
    predictions: tuple[Floats, ...]
    weight: Floats | None
    row_id: npt.NDArray[np.uint64] | None
    query: npt.NDArray[np.uint64] | None = None
    shelf: Shelf = field(default_factory=Shelf, repr=False)

    @property
    def has_repeats(self) -> bool:
        """Whether two rows have one id."""
        if self.row_id is None or len(self.row_id) < 2:
            return False
        ids = np.sort(self.row_id)
        return bool((ids[1:] == ids[:-1]).any())

    @property
    def num_classes(self) -> int:
        """Of the predictions; 0 where they are one number a row."""
        return self.predictions[0].shape[1] if self.predictions[0].ndim > 1 else 0

    @property
    def is_labels(self) -> bool:
        """Whether each row has a set of labels."""
        return self.label.ndim > 1

    def with_constant(self, value: Any) -> Judged:
        """The same rows with one more model, which says this of every row."""
        # One value seen as many: it takes no memory.
        constant = np.broadcast_to(np.asarray(value, np.float64), (len(self.label), *np.shape(value)))
        return replace(self, predictions=(*self.predictions, constant))

    def batch(self, index: int) -> pa.RecordBatch:
        """Label and prediction of one model, as a metric's fold reads them."""
        columns = [self.label.reshape(-1), np.ascontiguousarray(self.predictions[index]).reshape(-1)]
        arrays = [pa.Array.from_buffers(pa.float64(), len(one), [None, pa.py_buffer(one)]) for one in columns]
        if self.num_classes:
            arrays[1] = pa.FixedSizeListArray.from_arrays(arrays[1], self.num_classes)
        if self.is_labels:
            arrays[0] = pa.FixedSizeListArray.from_arrays(arrays[0], self.num_classes)
        names = ["label", "prediction"]
        if self.query is not None:
            arrays.append(pa.Array.from_buffers(pa.uint64(), len(self.query), [None, pa.py_buffer(self.query)]))
            names.append("@query")
        return pa.RecordBatch.from_arrays(arrays, names)


@dataclass(frozen=True)
class Moments:
    """What rows move, summed up by group: by model, each float64[num_groups].

    Parameters
    ----------
    variance, covariance : list
        Of the metric, and with the first model's.
    freedom, apart_freedom : list
        As in `Spread`.
    """

    variance: list[Floats]
    covariance: list[Floats]
    freedom: list[Floats]
    apart_freedom: list[Floats]


class Cut:
    """The groups that rows are cut into, and who is a witness in each.

    Parameters
    ----------
    groups : int32[num_rows]
        The group of each row, none negative.
    num_groups : int
        How many there are.
    row_id : uint64[num_rows] or None
        As in `Judged`; None as well where no two rows have one id.
    """

    def __init__(self, groups: Groups, num_groups: int, row_id: npt.NDArray[np.uint64] | None) -> None:
        self.groups, self.num_groups = groups, num_groups
        self._differs: dict[int, npt.NDArray[np.bool_]] = {}
        self._factors: Floats | None = None
        self.witnesses, self.at = _witnesses(row_id, groups)
        self.count = np.zeros(num_groups, np.int64)
        for start in range(0, len(self.at), _COUNTED_ROWS):
            self.count += np.bincount(self.at[start : start + _COUNTED_ROWS], minlength=num_groups)
        # One witness says nothing about how far others would be from it.
        self.correction = np.where(self.count > 1, self.count / np.maximum(self.count - 1, 1), np.nan)

    def differs(self, judged: Judged, model: int) -> npt.NDArray[np.bool_]:
        """bool[num_groups]: whether a model says anything else of any row than the first does."""
        if model not in self._differs:
            found = np.zeros(self.num_groups, np.bool_)
            for start in range(0, len(self.groups), _COUNTED_ROWS):
                rows = slice(start, start + _COUNTED_ROWS)
                differs = judged.predictions[model][rows] != judged.predictions[0][rows]
                found[self.groups[rows][differs]] = True
                judged.shelf.let_go()
            self._differs[model] = found
        return self._differs[model]

    def factors(self, judged: Judged) -> Floats:
        """`class_factors` of these groups, float64[num_groups, 2]."""
        if self._factors is None:
            self._factors = np.column_stack(class_factors(judged.label, self.groups, self.num_groups))
        return self._factors

    def moments(self, moved: Sequence[Floats]) -> Moments:
        """Of what rows move, by model."""
        if self.witnesses is not None:
            size = len(self.at)
            moved = [np.bincount(self.witnesses, weights=one, minlength=size).astype(np.float64) for one in moved]
        sums = [np.zeros((5, self.num_groups)) for _ in moved]
        for model, (one, into) in enumerate(zip(moved, sums, strict=True)):
            add_moments(into, one, moved[0] if model else None, self.at)
        return self.told(sums)

    def told(self, sums: Sequence[Floats]) -> Moments:
        """Moments of sums as `add_moments` makes them, by model; the first is its own other."""
        return Moments(
            [self.correction * one[0] for one in sums],
            [self.correction * one[2 if model else 0] for model, one in enumerate(sums)],
            [self.freedom(one[0], one[1]) for one in sums],
            [self.freedom(one[3], one[4]) for one in sums],
        )

    def freedom(self, square: Floats, fourth: Floats) -> Floats:
        """How many rows the sum of squares rests on, less one, float64[num_groups].

        As many as the squares of so many normal values would vary as much: where few rows move a metric much, few.

        Source: Satterthwaite, "An approximate distribution of estimates of variance components" (1946).
        """
        with np.errstate(all="ignore"):
            excess = np.maximum(self.count * fourth / np.square(square) - 1.0, 2.0)
            told = np.where(square > 0.0, 2.0 * self.count / excess, np.inf)
        return np.asarray(np.minimum(told, np.maximum(self.count - 1.0, 0.0)), np.float64)


def _witnesses(row_id: npt.NDArray[np.uint64] | None, groups: Groups) -> tuple[npt.NDArray[np.int64] | None, Groups]:
    """The number of each row's witness and each witness's group; None where every row is one."""
    if row_id is None:
        return None, groups
    order = np.lexsort((groups, row_id))
    ids, placed = row_id[order], groups[order]
    is_new = np.concatenate([[True], (ids[1:] != ids[:-1]) | (placed[1:] != placed[:-1])])
    number = np.empty(len(ids), np.int64)
    number[order] = np.cumsum(is_new) - 1
    return number, placed[is_new]

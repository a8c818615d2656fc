"""ClassCurves: a score curve for each class against the rest, or for each pair of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.fold._class_scores import read_class_scores
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold._scored import Floats
from headrace.fold.score_curve import ScoreCurve, ScoreCurveResult, ScoreCurveState

__all__ = ["ClassCurves", "ClassCurvesResult", "ClassCurvesState", "Spread", "spread_rows"]


class Spread(NamedTuple):
    """Rows as entries of the curves they are in.

    Parameters
    ----------
    row : int64[num_entries]
        Which row.
    curve : int64[num_entries]
        Which curve of its group: class k against the rest is k; class i against class j, by the score of i, is
        i * num_classes + j.
    label : float64[num_entries]
        1 where the row is of the curve's first class.
    score : float64[num_entries]
        The probability of that class.
    """

    row: npt.NDArray[np.int64]
    curve: npt.NDArray[np.int64]
    label: Floats
    score: Floats


def spread_rows(label: Floats, prediction: Floats, *, is_paired: bool) -> Spread:
    """The entries of rows; one that is of no class is in no pair, and of no class against all."""
    num_rows, num_classes = prediction.shape
    mine = label.astype(np.int64)
    row = np.repeat(np.arange(num_rows), num_classes)
    each = np.tile(np.arange(num_classes), num_rows)
    if not is_paired:
        return Spread(row, each, (each == np.repeat(mine, num_classes)).astype(np.float64), prediction.reshape(-1))
    known = np.repeat(mine < num_classes, num_classes) & (each != np.repeat(mine, num_classes))
    row, each = row[known], each[known]
    own = mine[row]
    return Spread(
        np.concatenate([row, row]),
        np.concatenate([own * num_classes + each, each * num_classes + own]),
        np.repeat([1.0, 0.0], len(row)),
        np.concatenate([prediction[row, own], prediction[row, each]]),
    )


@dataclass
class ClassCurvesState(State):
    """`num_rows`, `num_invalid` int64[num_groups], and curves: those of group g from g * num_curves on.

    Size: 24 bytes a distinct score and curve, 40 where weights have fractions.
    """

    num_rows: npt.NDArray[np.int64]
    num_invalid: npt.NDArray[np.int64]
    curves: ScoreCurveState

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.num_rows)


@dataclass(frozen=True)
class ClassCurvesResult:
    """The curves of all groups.

    Parameters
    ----------
    num_rows, num_invalid : int64[num_groups]
        Rows with a label, and those among them that are in no curve.
    weight, positive : float64[num_groups]
        Weight of the rows of a class; NaN where `num_invalid` is above 0. `positive` is 0, no class being the one.
    labelled : float64[num_groups, num_classes]
        Weight of the rows of each class; NaN where `num_invalid` is above 0.
    curves : ScoreCurveResult
        Of group * num_curves + curve.
    is_paired : bool
        Whether curves are of pairs.
    """

    num_rows: npt.NDArray[np.int64]
    num_invalid: npt.NDArray[np.int64]
    weight: Floats
    positive: Floats
    labelled: Floats
    curves: ScoreCurveResult
    is_paired: bool


@dataclass(frozen=True)
class ClassCurves(Fold[ClassCurvesState, ClassCurvesResult]):
    """Exact score curves of several classes.

    Parameters
    ----------
    label : str
        A column of classes' places, 0 .. num_classes - 1; num_classes is any other value. Null or NaN: left out.
    prediction : str
        A column of lists of `num_classes` probabilities. One that is null or NaN makes the row invalid.
    num_classes : int
        How many.
    is_paired : bool
        A curve for each ordered pair of classes, instead of one for each class against the rest.

    Cost: that of `ScoreCurve` for each class, twice that for pairs; state as many times as large.

    >>> ClassCurves(num_classes=4).num_curves, ClassCurves(num_classes=4, is_paired=True).num_curves
    (4, 16)
    """

    label: str = "label"
    prediction: str = "prediction"
    num_classes: int = 3
    is_paired: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Label and prediction."""
        return (self.label, self.prediction)

    @property
    def num_curves(self) -> int:
        """Curves of a group."""
        return self.num_classes ** (2 if self.is_paired else 1)

    def create(self, num_groups: int) -> ClassCurvesState:
        """A state of no rows."""
        zeros = np.zeros(num_groups, np.int64)
        return ClassCurvesState(zeros, zeros.copy(), ScoreCurve().create(num_groups * self.num_curves))

    def add(self, state: ClassCurvesState, rows: Rows, groups: Groups | None) -> ClassCurvesState:
        """Add rows; changes `state`."""
        scored = read_class_scores(rows, self.label, self.prediction, groups, self.num_classes)
        if not scored.num_rows:
            return state
        state.num_rows += np.bincount(scored.groups, minlength=state.num_groups)
        if scored.is_valid is not None:
            state.num_invalid += np.bincount(scored.groups[~scored.is_valid], minlength=state.num_groups)
            scored = scored.select(scored.is_valid)
        entries = spread_rows(scored.label, scored.prediction, is_paired=self.is_paired)
        columns = [  # by their buffers: pa.array would import pandas where that is installed
            pa.Array.from_buffers(pa.float64(), len(one), [None, pa.py_buffer(np.ascontiguousarray(one))])
            for one in (entries.label, entries.score)
        ]
        batch = pa.RecordBatch.from_arrays(columns, ["label", "prediction"])
        places = scored.groups[entries.row].astype(np.int64) * self.num_curves + entries.curve
        weight = None if scored.weight is None else scored.weight[entries.row]
        state.curves = ScoreCurve().add(state.curves, Rows(batch, None, weight), places.astype(np.int32))
        return state

    def merge(self, left: ClassCurvesState, right: ClassCurvesState, groups: Groups) -> ClassCurvesState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        np.add.at(left.num_rows, groups, right.num_rows)
        np.add.at(left.num_invalid, groups, right.num_invalid)
        places = groups[:, None].astype(np.int64) * self.num_curves + np.arange(self.num_curves)
        left.curves = ScoreCurve().merge(left.curves, right.curves, places.reshape(-1).astype(np.int32))
        return left

    def extract(self, state: ClassCurvesState) -> ClassCurvesResult:
        """The curves of each group."""
        curves = ScoreCurve().extract(state.curves)
        shape = (state.num_groups, self.num_classes)
        positive = curves.positive
        if self.is_paired:  # of class i against any other the rows of i are positive
            square = positive.reshape(*shape, self.num_classes)
            after = np.where(np.arange(self.num_classes) == 0, 1, 0)
            labelled = np.ascontiguousarray(square[:, np.arange(self.num_classes), after])
        else:
            labelled = positive.reshape(shape).copy()
        labelled[state.num_invalid > 0] = np.nan
        weight = np.add.accumulate(labelled, axis=1)[:, -1]
        return ClassCurvesResult(
            state.num_rows,
            state.num_invalid,
            weight,
            np.zeros(state.num_groups),
            labelled,
            curves,
            self.is_paired,
        )

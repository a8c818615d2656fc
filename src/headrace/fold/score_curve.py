"""ScoreCurve: every distinct score of a group, with the weight of the negative and the positive rows that have it.

All that ranks rows by score (ROC, precision-recall, KS, the best threshold) follows from it exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from headrace.errors import InvalidInput
from headrace.fold._contract import Fold, Groups, Rows, State
from headrace.fold._scored import Floats, Scored, read_scored
from headrace.fold.kernels.by_group import find_keys, score_keys
from headrace.fold.kernels.curves import fill_runs, order_scores, place_runs
from headrace.fold.kernels.native import library, pointer

__all__ = ["ScoreCurve", "ScoreCurveResult", "ScoreCurveState"]

Counts = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_FRACTION_BITS = 40
_FRACTION_MASK = (1 << _FRACTION_BITS) - 1
# Rows wait unsorted until there are this many, or as many as there are runs: sorting costs n log n in all.
_WAITING_ROWS = 1 << 20
_MOST_ROWS = (1 << 31) - 1  # that can be put in order at once


@dataclass(frozen=True, slots=True)
class _Runs:
    """(group, score) with the weights [n, 2] of negative and positive rows: `whole` + `fraction` * 2^-40."""

    group: Groups
    score: Floats
    whole: Counts
    fraction: Counts | None  # None = all 0, as wherever rows have no weights


@dataclass
class ScoreCurveState(State):
    """Runs of equal scores, ascending in each group: those of group g are offsets[g] .. offsets[g + 1].

    `num_rows`, `num_invalid` int64[num_groups]; `offsets` int64[num_groups + 1]; `score` float64[num_runs]; the weight
    of negative and of positive rows as `whole` int64[num_runs, 2] and `fraction` int64[num_runs, 2] in units of 2^-40
    (int64[0, 2] when all fractions are 0). Size: 24 bytes a distinct score, 40 where weights have fractions.
    """

    num_rows: Counts
    num_invalid: Counts
    offsets: Counts
    score: Floats
    whole: Counts
    fraction: Counts

    def __post_init__(self) -> None:
        # What was added but not yet sorted in; no fields, because `canonical` empties them.
        self.waiting: list[_Runs] = []
        self.packed: list[Words] = []
        self.num_waiting = 0

    @property
    def num_groups(self) -> int:
        """Groups in this state."""
        return len(self.num_rows)

    def runs(self) -> _Runs:
        """The runs that are sorted in."""
        group = np.repeat(np.arange(self.num_groups, dtype=np.int32), np.diff(self.offsets))
        return _Runs(group, self.score, self.whole, self.fraction if len(self.fraction) else None)

    def wait(self, runs: list[_Runs], packed: list[Words]) -> None:
        """Take runs in any order, and rows as `_pack` makes them; they are sorted in when enough wait."""
        self.waiting += [item for item in runs if len(item.score)]
        self.packed += [words for words in packed if len(words)]
        self.num_waiting += sum(len(item.score) for item in runs) + sum(map(len, packed))
        if self.num_waiting > max(_WAITING_ROWS, len(self.score)):
            self.canonical()

    def canonical(self) -> ScoreCurveState:
        """This state, with all that waits sorted in."""
        if self.num_waiting:
            parts = [self.runs(), *self.waiting]
            if self.packed:
                parts.append(_unpack(np.concatenate(self.packed)))
            parts = [part for part in parts if len(part.score)]
            runs = parts[0] if len(parts) == 1 and not self.waiting else _combine(parts)
            self.offsets = np.searchsorted(runs.group, np.arange(self.num_groups + 1)).astype(np.int64)
            self.score, self.whole = runs.score, runs.whole
            self.fraction = np.zeros((0, 2), np.int64) if runs.fraction is None else runs.fraction
            self.waiting, self.packed, self.num_waiting = [], [], 0
        return self


@dataclass(frozen=True)
class ScoreCurveResult:
    """The runs of all groups, by group, then by ascending score.

    Parameters
    ----------
    num_rows : int64[num_groups]
        Rows with a label.
    num_invalid : int64[num_groups]
        Rows among them that are in no run: label neither 0 nor 1, no prediction, an unusable weight.
    weight, positive : float64[num_groups]
        Weight of all rows, and of the positive ones; NaN where `num_invalid` is above 0.
    group : int32[num_runs]
        The group of each run.
    score : float64[num_runs]
        Its score; distinct within the group.
    run_negative, run_positive : float64[num_runs]
        The weight of the negative and of the positive rows with this score.
    negative_below, positive_below : float64[num_runs]
        The weight of those of the group with a lower score.
    run : int32[num_rows] or None
        The run of each row, where the answer is of rows that are all in memory; any of one that is in none.
    """

    num_rows: Counts
    num_invalid: Counts
    weight: Floats
    positive: Floats
    group: Groups
    score: Floats
    run_negative: Floats
    run_positive: Floats
    negative_below: Floats
    positive_below: Floats
    run: Groups | None = None

    def through(self, values: Floats) -> Floats:
        """Sums over the runs of a group up to each one, itself included, float64[num_runs]."""
        summed = np.cumsum(values)
        starts = np.searchsorted(self.group, self.group)  # groups ascend
        return summed - np.where(starts > 0, summed[starts - 1], 0.0)

    def find(self, group: Groups, score: Floats) -> npt.NDArray[np.int64]:
        """The run of each row, int64[num_rows]; of a row that is in none, any.

        Raises InvalidInput where there are no runs. Cost: about 20 ns a row for float32 scores, 200 ns otherwise.
        """
        if not len(self.score):
            raise InvalidInput("no runs", where="a score curve", expected="at least one row that counts")
        if (self.group[1:] > self.group[:-1]).all():  # one run a group, as of a constant
            place = np.zeros(len(self.num_rows), np.int64)
            place[self.group] = np.arange(len(self.group))
            return place[group]
        keys, asked = score_keys(self.score, self.group), score_keys(score, group)
        if keys is None or asked is None:
            known = np.unique(self.score)
            width = np.uint64(len(known) + 1)
            keys, asked = (
                group_of.astype(np.uint64) * width + np.searchsorted(known, one).astype(np.uint64)
                for group_of, one in ((self.group, self.score), (group, score))
            )
        return find_keys(keys, asked)


def _pack(scored: Scored) -> Words | None:
    """Rows as one integer each that sorts as (group, score, label); None where weights or scores do not allow it."""
    if scored.weight is not None:
        return None
    words = score_keys(scored.prediction, scored.groups)
    if words is not None:
        words <<= np.uint64(1)
        words |= scored.label.astype(np.uint64)
    return words


def _unpack(words: Words) -> _Runs:
    """Sorted runs of packed rows. Cost: about 15 ns a row."""
    words = np.sort(words)
    native = library()
    if native is not None:
        group, score, whole = np.empty(len(words), np.int32), np.empty(len(words)), np.empty((len(words), 2), np.int64)
        num_runs = native.hr_runs(pointer(words), len(words), pointer(group), pointer(score), pointer(whole))
        return _Runs(group[:num_runs].copy(), score[:num_runs].copy(), whole[:num_runs].copy(), None)
    keys = words >> np.uint64(1)
    starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    ends = np.append(starts[1:], len(words))
    through = np.concatenate([[0], np.cumsum((words & np.uint64(1)).view(np.int64))])
    positive = through[ends] - through[starts]
    keys = keys[starts]
    ordered = keys.astype(np.uint32)
    bits = np.where(ordered >> np.uint32(31), ordered & np.uint32((1 << 31) - 1), ~ordered)
    group = (keys >> np.uint64(32)).astype(np.int32)
    whole = np.column_stack([ends - starts - positive, positive])
    return _Runs(group, bits.view(np.float32).astype(np.float64), whole, None)


def _weigh(scored: Scored) -> _Runs:
    """Rows as runs of one, the weight rounded once to 2^-40."""
    label = scored.label.astype(np.int64)
    rows = np.arange(scored.num_rows)
    whole = np.zeros((scored.num_rows, 2), np.int64)
    if scored.weight is None:
        whole[rows, label] = 1
        return _Runs(scored.groups, scored.prediction, whole, None)
    fraction = np.zeros_like(whole)
    floor = np.floor(scored.weight)
    whole[rows, label] = floor.astype(np.int64)
    # May round up to 2^40: `_combine` carries.
    fraction[rows, label] = np.rint((scored.weight - floor) * 2.0**_FRACTION_BITS).astype(np.int64)
    return _Runs(scored.groups, scored.prediction, whole, fraction)


def _combine(parts: list[_Runs]) -> _Runs:
    """One sorted list of runs, each (group, score) once. Cost: about 200 ns a run."""
    group = np.concatenate([part.group for part in parts])
    score = np.concatenate([part.score for part in parts])
    order = np.lexsort((score, group))
    group, score = group[order], score[order]
    starts = np.flatnonzero(np.concatenate([[True], (group[1:] != group[:-1]) | (score[1:] != score[:-1])]))
    whole = np.add.reduceat(np.concatenate([part.whole for part in parts])[order], starts, axis=0)
    fraction = None
    if any(part.fraction is not None for part in parts):
        fractions = [np.zeros_like(part.whole) if part.fraction is None else part.fraction for part in parts]
        fraction = np.add.reduceat(np.concatenate(fractions)[order], starts, axis=0)
        whole += fraction >> _FRACTION_BITS
        fraction &= _FRACTION_MASK
        fraction = fraction if fraction.any() else None
    return _Runs(group[starts], score[starts], whole, fraction)


def _below(values: Counts, offsets: Counts) -> Counts:
    """Sum of the values before each one in its group, column by column."""
    lengths = np.diff(offsets)
    below = np.empty_like(values)
    for column in range(values.shape[1]):
        through = np.concatenate([[0], np.cumsum(values[:, column])])
        below[:, column] = through[:-1] - np.repeat(through[offsets[:-1]], lengths)
    return below


@dataclass(frozen=True)
class ScoreCurve(Fold[ScoreCurveState, ScoreCurveResult]):
    """The exact score curve of binary labels.

    Parameters
    ----------
    label, prediction : str
        Columns of booleans, integers or floats. A row with a null or NaN label is left out; one with another label
        than 0 or 1, a null or NaN prediction or an unusable weight counts as invalid. Scores may be infinite.

    State: 24 bytes a distinct score (40 with fractional weights), and at most as much again while rows wait.
    Cost: about 25 ns a row without weights and with float32 scores, 300 ns otherwise.

    >>> import pyarrow as pa
    >>> fold = ScoreCurve()
    >>> rows = Rows(pa.RecordBatch.from_pydict({"label": [1, 0, 1], "prediction": [0.5, 0.5, 0.75]}))
    >>> curve = fold.extract(fold.add(fold.create(1), rows, None))
    >>> curve.score.tolist(), curve.run_positive.tolist()
    ([0.5, 0.75], [1.0, 1.0])

    Source: Fawcett, "An introduction to ROC analysis" (2006), algorithm 1.
    """

    label: str = "label"
    prediction: str = "prediction"

    @property
    def columns(self) -> tuple[str, ...]:
        """Label and prediction."""
        return (self.label, self.prediction)

    def create(self, num_groups: int) -> ScoreCurveState:
        """A state of no rows."""
        zeros = np.zeros(num_groups + 1, np.int64)
        nothing = np.zeros((0, 2), np.int64)
        return ScoreCurveState(zeros[1:].copy(), zeros[1:].copy(), zeros, np.zeros(0), nothing, nothing.copy())

    def _scored(self, rows: Rows, groups: Groups | None) -> Scored:
        return read_scored(rows, self.label, self.prediction, groups, is_binary=True)

    def add(self, state: ScoreCurveState, rows: Rows, groups: Groups | None) -> ScoreCurveState:
        """Add rows; changes `state`."""
        scored = self._scored(rows, groups)
        if not scored.num_rows:
            return state
        state.num_rows += np.bincount(scored.groups, minlength=state.num_groups)
        if scored.is_valid is not None:
            state.num_invalid += np.bincount(scored.groups[~scored.is_valid], minlength=state.num_groups)
            scored = scored.select(scored.is_valid)
        packed = _pack(scored)
        if packed is None:
            state.wait([_weigh(scored)], [])
        else:
            state.wait([], [packed])
        return state

    def merge(self, left: ScoreCurveState, right: ScoreCurveState, groups: Groups) -> ScoreCurveState:
        """Join right's group i into left's group groups[i]; changes `left`."""
        np.add.at(left.num_rows, groups, right.num_rows)
        np.add.at(left.num_invalid, groups, right.num_invalid)
        runs = [
            _Runs(groups[item.group], item.score, item.whole, item.fraction) for item in [right.runs(), *right.waiting]
        ]
        low = np.uint64((1 << 33) - 1)
        wide = groups.astype(np.uint64) << np.uint64(33)
        left.wait(runs, [(words & low) | wide[(words >> np.uint64(33)).astype(np.int64)] for words in right.packed])
        return left

    def extract(self, state: ScoreCurveState) -> ScoreCurveResult:
        """The curve of each group."""
        state = state.canonical()
        runs = state.runs()

        def exact(values: npt.NDArray[np.int64], fractions: npt.NDArray[np.int64] | None) -> Floats:
            return values.astype(np.float64) if fractions is None else values + fractions * 2.0**-_FRACTION_BITS

        weights = exact(runs.whole, runs.fraction)
        below = _below(runs.whole, state.offsets).astype(np.float64)
        if runs.fraction is not None:  # in two halves, because 2^23 fractions fill 63 bits
            below += _below(runs.fraction >> 20, state.offsets) * 2.0**-20
            below += _below(runs.fraction & ((1 << 20) - 1), state.offsets) * 2.0**-40
        last = state.offsets[1:] - 1
        totals = np.zeros((state.num_groups, 2))
        is_filled = np.diff(state.offsets) > 0
        totals[is_filled] = (below + weights)[last[is_filled]]
        totals[state.num_invalid > 0] = np.nan
        return ScoreCurveResult(
            state.num_rows,
            state.num_invalid,
            totals.sum(axis=1),
            np.ascontiguousarray(totals[:, 1]),
            runs.group,
            runs.score,
            *(np.ascontiguousarray(column) for column in (*weights.T, *below.T)),
        )

    def at_once(self, rows: Rows) -> Callable[[Groups, int], ScoreCurveResult] | None:
        """The curves of one cut after another, of rows without weights: these are put in order once.

        Cost: 20 ns a row with float32 scores, 100 ns otherwise; 15 ns and 44 bytes a row and cut.
        """
        scored = self._scored(rows, None)
        if scored.weight is not None or not 0 < scored.num_rows <= _MOST_ROWS:
            return None
        labelled, valid = scored.index, scored.is_valid
        if valid is not None:
            scored = scored.select(valid)
        order = order_scores(scored.prediction, scored.label)

        def curve(groups: Groups, num_groups: int) -> ScoreCurveResult:
            with_label = groups if labelled is None else groups[labelled]
            num_rows = np.bincount(with_label, minlength=num_groups)
            num_invalid = np.zeros(num_groups, np.int64)
            if valid is not None:
                num_invalid += np.bincount(with_label[~valid], minlength=num_groups)
            runs = place_runs(order, groups if scored.index is None else groups[scored.index], num_groups)
            of_run, told = fill_runs(order, runs)
            totals = np.zeros((2, num_groups))
            filled = np.diff(runs.offsets) > 0
            last = runs.offsets[1:][filled] - 1
            totals[:, filled] = told[1:3, last] + told[3:, last]
            totals[:, num_invalid > 0] = np.nan
            run = runs.run
            if scored.index is not None:
                run = np.zeros(len(groups), np.int32)
                run[scored.index] = runs.run
            return ScoreCurveResult(
                num_rows,
                num_invalid,
                totals[0] + totals[1],
                totals[1].copy(),
                of_run,
                told[0],
                told[1],
                told[2],
                told[3],
                told[4],
                run,
            )

        return curve

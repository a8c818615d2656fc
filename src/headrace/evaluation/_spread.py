"""How far each metric may be off: its standard error in every slice, and what it shares with another model's.

A metric says how much one row moves it (`Metric.influence`); the squares of that sum to its variance, the products of
two models' to their covariance, so that the difference of two models on the same rows has the narrow interval that it
deserves. This is the Poisson bootstrap with endlessly many replicates, to first order, at the cost of one pass. One
that cannot say is drawn again 200 times, each row counted as its id decides, the same for all models.

Rows of one id are no independent witnesses: what they move is added up first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from headrace.evaluation._contract import Metric, SumMetric, fold_of
from headrace.evaluation._threshold import PSEUDO_CELLS, PSEUDO_ROWS, ThresholdMetric
from headrace.fold import Rows
from headrace.fold.kernels.by_group import add_moments, slope_rows
from headrace.fold.replicates import poisson_counts

__all__ = ["BLOCK_ROWS", "Cut", "Judged", "Spread", "spread_of", "spreads_of"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]

NUM_REPLICATES = 200
BLOCK_ROWS = 1 << 16  # what is worked out about so many rows stays in the cache


@dataclass(frozen=True)
class Judged:
    """The rows of an evaluation, as arrays.

    Parameters
    ----------
    label : float64[num_rows]
        Never NaN.
    predictions : tuple of float64[num_rows], of several classes [num_rows, num_classes]
        One for each model; the first is the one that others are compared with.
    weight : float64[num_rows] or None
        None where every row counts once.
    row_id : uint64[num_rows] or None
        Equal ids are one witness; None where every row is one.
    query : uint64[num_rows] or None
        Rows of one number are ranked among each other.
    """

    label: Floats
    predictions: tuple[Floats, ...]
    weight: Floats | None
    row_id: npt.NDArray[np.uint64] | None
    query: npt.NDArray[np.uint64] | None = None

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

    def with_constant(self, value: Any) -> Judged:
        """The same rows with one more model, which says this of every row."""
        # One value seen as many: it takes no memory.
        constant = np.broadcast_to(np.asarray(value, np.float64), (len(self.label), *np.shape(value)))
        return Judged(self.label, (*self.predictions, constant), self.weight, self.row_id, self.query)

    def batch(self, index: int) -> pa.RecordBatch:
        """Label and prediction of one model, as a metric's fold reads them."""
        columns = [self.label, np.ascontiguousarray(self.predictions[index]).reshape(-1)]
        arrays = [pa.Array.from_buffers(pa.float64(), len(one), [None, pa.py_buffer(one)]) for one in columns]
        if self.num_classes:
            arrays[1] = pa.FixedSizeListArray.from_arrays(arrays[1], self.num_classes)
        names = ["label", "prediction"]
        if self.query is not None:
            arrays.append(pa.Array.from_buffers(pa.uint64(), len(self.query), [None, pa.py_buffer(self.query)]))
            names.append("@query")
        return pa.RecordBatch.from_arrays(arrays, names)


@dataclass(frozen=True)
class Spread:
    """How far one metric may be off.

    Parameters
    ----------
    std_error : tuple of float64[num_groups]
        By model; NaN where it cannot be told.
    covariance : tuple of float64[num_groups]
        Of the first model with each.
    support : tuple of float64[num_groups]
        By model, the rows its value is a share of.
    centre : tuple of float64[num_groups]
        By model, the value at which the standard error was found; NaN where it is the value itself.
    freedom : tuple of float64[num_groups]
        By model, how many rows the standard error rests on, less one.
    apart_freedom : tuple of float64[num_groups]
        The same of the first model's difference from each.
    """

    std_error: tuple[Floats, ...]
    covariance: tuple[Floats, ...]
    support: tuple[Floats, ...]
    centre: tuple[Floats, ...]
    freedom: tuple[Floats, ...]
    apart_freedom: tuple[Floats, ...]


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
        self.witnesses, self.at = _witnesses(row_id, groups)
        self.count = np.bincount(self.at, minlength=num_groups)
        # One witness says nothing about how far others would be from it.
        self.correction = np.where(self.count > 1, self.count / np.maximum(self.count - 1, 1), np.nan)

    def differs(self, judged: Judged, model: int) -> npt.NDArray[np.bool_]:
        """bool[num_groups]: whether a model says anything else of any row than the first does."""
        if model not in self._differs:
            rows = judged.predictions[model] != judged.predictions[0]
            self._differs[model] = np.bincount(self.groups[rows], minlength=self.num_groups) > 0
        return self._differs[model]

    def moments(self, moved: Sequence[Floats]) -> Moments:
        """Of what rows move, by model."""
        if self.witnesses is not None:
            size = len(self.at)
            moved = [np.bincount(self.witnesses, weights=one, minlength=size).astype(np.float64) for one in moved]
        sums = [np.zeros((5, self.num_groups)) for _ in moved]
        _add(sums, moved, self.at)
        return self.told(sums)

    def told(self, sums: Sequence[Floats]) -> Moments:
        """Moments of sums as `add_moments` makes them."""
        return Moments(
            [self.correction * one[0] for one in sums],
            [self.correction * one[2] for one in sums],
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


def spread_of(metric: Metric, judged: Judged, groups: Groups, results: Sequence[Any]) -> Spread:
    """The spread of a metric in every group of one cut; see `spreads_of`."""
    row_id = judged.row_id if judged.has_repeats else None
    (found,) = spreads_of(metric, judged, [Cut(groups, len(results[0].num_rows), row_id)], [results])
    return found


def spreads_of(metric: Metric, judged: Judged, cuts: Sequence[Cut], results: Sequence[Sequence[Any]]) -> list[Spread]:
    """The spread of a metric in every group of every cut.

    Parameters
    ----------
    metric : Metric
        Which.
    judged : Judged
        The rows.
    cuts : sequence of Cut
        Their groups.
    results : sequence of sequences
        By cut and model, what the metric's fold extracted.

    Cost: about 10 ns a row, cut and model, 50 ns for metrics of curves; 200 passes for one that has no `influence`.
    """
    nears = [[_near(metric, judged, one, found[0].num_rows) for one in found] for found in results]
    is_plain = isinstance(metric, SumMetric) and type(metric).influence is SumMetric.influence
    if is_plain and all(cut.witnesses is None for cut in cuts):
        assert isinstance(metric, SumMetric)
        told = _by_slopes(metric, judged, cuts, nears)
    else:
        told = [_by_influence(metric, judged, cut, found) for cut, found in zip(cuts, nears, strict=True)]
    return [_finished(metric, judged, *one) for one in zip(cuts, told, results, nears, strict=True)]


def _decides(metric: Metric, judged: Judged) -> TypeGuard[ThresholdMetric]:
    """Whether it is one of decisions at a threshold; of several classes there is none."""
    return isinstance(metric, ThresholdMetric) and not judged.num_classes


def _near(metric: Metric, judged: Judged, result: Any, num_rows: npt.NDArray[np.int64]) -> Any:
    """The result at which rows are asked what they move: with a few rows more, where the metric is one of decisions."""
    return metric.with_pseudo_rows(result, num_rows) if _decides(metric, judged) else result


def _finished(
    metric: Metric, judged: Judged, cut: Cut, told: Moments, results: Sequence[Any], nears: Sequence[Any]
) -> Spread:
    num_rows = np.maximum(results[0].num_rows, 1)  # of a constant two weighted rows stand for a group's
    support, centres, errors = [], [], []
    variances, covariances = told.variance, told.covariance
    freedoms, apart = told.freedom, told.apart_freedom
    if _decides(metric, judged):
        apart = [np.maximum(cut.count - 1.0, 0.0)] * len(results)
        variances, covariances = _with_pseudo_rows(metric, judged, cut, told, nears)
    factors: list[Floats] = []
    for result, near, variance in zip(results, nears, variances, strict=True):
        mean_weight = np.where(result.weight > 0.0, result.weight, np.nan) / num_rows
        supported = np.asarray(metric.support(result), np.float64)
        support.append(supported / mean_weight)
        with np.errstate(all="ignore"):
            # Rows that were not there count for nothing.
            more = (
                np.ones(len(variance)) if near is result else np.asarray(metric.support(near), np.float64) / supported
            )
            factors.append(np.where(np.isfinite(more), more, 1.0))
            errors.append(np.sqrt(np.maximum(variance * factors[-1], 0.0)))
            nowhere = np.full(len(variance), np.nan)
            centres.append(nowhere if near is result else np.asarray(metric.value(near), np.float64))
    covariances = [one * np.sqrt(factors[0] * more) for one, more in zip(covariances, factors, strict=True)]
    if _decides(metric, judged):
        # Of a plain share the value itself says how it varies: no row has to tell how far rows are apart.
        every = np.maximum(cut.count - 1.0, 0.0)
        freedoms = [
            np.where(_is_plain(metric, cut, *one), every, free)
            for *one, free in zip(centres, errors, support, freedoms, strict=True)
        ]
    return Spread(
        tuple(errors),
        tuple(covariances),
        tuple(support),
        tuple(centres),
        tuple(freedoms),
        tuple(apart),
    )


def _is_plain(metric: Metric, cut: Cut, centre: Floats, error: Floats, support: Floats) -> npt.NDArray[np.bool_]:
    """Whether a value varies as the share of its support does."""
    low, high = metric.limits
    with np.errstate(all="ignore"):
        binomial = (centre - low) * (high - centre) / np.square(error)
        return np.asarray(np.abs(binomial / support - 1.0) < 3.0 / cut.count, np.bool_)


def _with_pseudo_rows(
    metric: ThresholdMetric, judged: Judged, cut: Cut, told: Moments, nears: Sequence[Any]
) -> tuple[list[Floats], list[Floats]]:
    """Variances and covariances with what the pseudo rows add: of no group is it 0 where a row more could tell.

    Where two models differ in any prediction, one more row of each class is decided differently by them, half a row
    either way.
    """
    with np.errstate(all="ignore"):
        slopes = [metric.slopes(near) for near in nears]
        weight = metric.pseudo_weight(nears[0], cut.count)
        cells = [[weight * _moved(one, *cell) for cell in PSEUDO_CELLS] for one in slopes]
        variances, covariances = [], []
        for model, own in enumerate(cells):
            added = PSEUDO_ROWS * sum(np.square(cell) for cell in own)
            shared = PSEUDO_ROWS * sum(first * cell for first, cell in zip(cells[0], own, strict=True))
            apart = 0.5 * sum(np.square(cells[0][one] - own[other]) for one, other in ((0, 1), (1, 0), (2, 3), (3, 2)))
            variances.append(told.variance[model] + added)
            is_other = cut.differs(judged, model)
            covariances.append(told.covariance[model] + shared - np.where(is_other, 0.5 * apart, 0.0))
    return variances, covariances


def _moved(slopes: Sequence[Floats], label: float, called: float) -> Floats:
    """What a row of this label and decision moves, by group: its weight, its label, its two terms."""
    return slopes[0] + label * slopes[1] + called * slopes[2] + called * label * slopes[3]


def _by_slopes(
    metric: SumMetric, judged: Judged, cuts: Sequence[Cut], results: Sequence[Sequence[Any]]
) -> list[Moments]:
    """Of a metric of sums: what rows add is the same however they are cut, and asked for once a block of rows."""
    models = range(len(judged.predictions))
    with np.errstate(all="ignore"):
        slopes = [[metric.slopes(result) for result in found] for found in results]
    sums = [[np.zeros((5, cut.num_groups)) for _ in models] for cut in cuts]
    for start in range(0, len(judged.label), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        label, weight = judged.label[rows], None if judged.weight is None else judged.weight[rows]
        with np.errstate(all="ignore"):
            told = metric.class_terms if judged.num_classes else metric.terms
            terms = [[None, label, *told(label, one[rows])] for one in judged.predictions]
        for cut, by_model, into in zip(cuts, slopes, sums, strict=True):
            groups = cut.groups[rows]
            moved = [slope_rows(terms[model], by_model[model], groups, weight) for model in models]
            _add(into, moved, groups)
    return [cut.told(into) for cut, into in zip(cuts, sums, strict=True)]


def _add(sums: Sequence[Floats], moved: Sequence[Floats], groups: Groups) -> None:
    """Add each row to its group's sums, by model; the first is its own other."""
    for model, (one, into) in enumerate(zip(moved, sums, strict=True)):
        add_moments(into, one, moved[0] if model else None, groups)
    sums[0][2] = sums[0][0]


def _by_influence(metric: Metric, judged: Judged, cut: Cut, results: Sequence[Any]) -> Moments:
    moved = [
        metric.influence(judged.label, prediction, cut.groups, result)
        for prediction, result in zip(judged.predictions, results, strict=True)
    ]
    known = [one for one in moved if one is not None]
    if len(known) < len(moved):
        variances, covariances = _resampled(metric, judged, cut.groups, cut.num_groups)
        every = [np.maximum(cut.count - 1.0, 0.0)] * len(moved)
        return Moments(variances, covariances, every, every)
    return cut.moments(known if judged.weight is None else [one * judged.weight for one in known])


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


def _resampled(metric: Metric, judged: Judged, groups: Groups, num_groups: int) -> tuple[list[Floats], list[Floats]]:
    row_id = np.arange(len(judged.label), dtype=np.uint64) if judged.row_id is None else judged.row_id
    fold = fold_of(metric, "label", "prediction", judged.num_classes)
    batches = [judged.batch(index) for index in range(len(judged.predictions))]
    drawn = np.empty((len(batches), NUM_REPLICATES, num_groups))
    for replicate in range(NUM_REPLICATES):
        counts = poisson_counts(row_id, replicate + 1, 0).astype(np.float64)
        weight = counts if judged.weight is None else counts * judged.weight
        for index, batch in enumerate(batches):
            state = fold.add(fold.create(num_groups), Rows(batch, row_id, weight), groups)
            drawn[index, replicate] = metric.value(fold.extract(state))
    # A replicate in which the metric is not defined (a class that was not drawn) is left out.
    is_told = np.isfinite(drawn)
    total = np.where(is_told, drawn, 0.0).sum(axis=1, keepdims=True)
    centred = np.where(is_told, drawn, np.nan) - total / np.maximum(is_told.sum(axis=1, keepdims=True), 1)
    variances, covariances = [], []
    for one in centred:
        told = np.isfinite(one) & np.isfinite(centred[0])
        freedom = np.where(told.sum(axis=0) > NUM_REPLICATES // 2, told.sum(axis=0) - 1.0, np.nan)
        variances.append(np.nansum(one * one, axis=0) / freedom)
        covariances.append(np.nansum(np.where(told, one * centred[0], 0.0), axis=0) / freedom)
    return variances, covariances

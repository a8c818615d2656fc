"""Score curves of rows cut in many ways, from one order of the rows: C where it is there, else NumPy, the same bits.

The order of all rows by score holds the order in every group of every cut: no cut sorts again, and the run of each row
is known when it has been placed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headrace.fold.kernels.native import library, pointer

__all__ = ["Order", "Runs", "fill_runs", "order_scores", "place_runs", "ranked_pairs", "ranked_shares"]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]
Places = npt.NDArray[np.int32]


class Order(NamedTuple):
    """Rows by ascending score.

    Parameters
    ----------
    rows : int32[num_rows]
        Equal scores by row.
    code : int32[num_rows]
        Along the order: 0 for the lowest score, one more for each that follows.
    score : float64[num_rows]
        Along the order.
    label : bool[num_rows]
        Along the order: whether the label is 1.
    """

    rows: Places
    code: Places
    score: Floats
    label: npt.NDArray[np.bool_]


class Runs(NamedTuple):
    """Where runs of equal scores are.

    Parameters
    ----------
    offsets : int64[num_groups + 1]
        The runs of group g are offsets[g] .. offsets[g + 1].
    run : int32[num_rows]
        The run of each row.
    along : int32[num_rows]
        The same along the order.
    """

    offsets: npt.NDArray[np.int64]
    run: Places
    along: Places


def order_scores(scores: Floats, label: Floats) -> Order:
    """Rows (fewer than 2^31) by ascending score; none may be -0.0 or NaN. Cost: 15 ns a float32, 100 ns any other."""
    order = np.empty(len(scores), np.int32)
    native, is_single = library(), 0
    if native is not None:
        scores = np.ascontiguousarray(scores)
        scratch = np.empty(2 * len(scores), np.uint64)
        is_single = native.hr_order_scores(pointer(scores), len(scores), pointer(scratch), pointer(order))
    if not is_single:
        order = np.argsort(scores, kind="stable").astype(np.int32)
    sorted_scores = scores[order]
    code = np.zeros(len(scores), np.int32)
    np.cumsum(sorted_scores[1:] != sorted_scores[:-1], dtype=np.int32, out=code[1:])
    return Order(order, code, sorted_scores, (label == 1.0)[order])


def place_runs(order: Order, groups: Groups, num_groups: int) -> Runs:
    """The runs of equal scores of each group. Cost: about 10 ns a row."""
    num_rows = len(order.rows)
    native = library()
    if native is not None:
        groups = np.ascontiguousarray(groups, np.int32)
        last, offsets = np.empty(2 * num_groups, np.int32), np.empty(num_groups + 1, np.int64)
        along, run = np.empty(num_rows, np.int32), np.empty(num_rows, np.int32)
        rows = pointer(order.rows), pointer(order.code), pointer(groups), num_rows, num_groups
        native.hr_place_runs(*rows, pointer(last), pointer(offsets), pointer(along), pointer(run))
        return Runs(offsets, run, along)
    by_group = np.argsort(groups[order.rows], kind="stable")
    placed, code = order.rows[by_group], order.code[by_group]
    own = groups[placed]
    is_new = np.ones(num_rows, np.bool_)
    is_new[1:] = (own[1:] != own[:-1]) | (code[1:] != code[:-1])
    run = np.empty(num_rows, np.int32)
    run[placed] = np.cumsum(is_new) - 1
    offsets = np.searchsorted(own[is_new], np.arange(num_groups + 1)).astype(np.int64)
    return Runs(offsets, run, run[order.rows])


def fill_runs(order: Order, runs: Runs) -> tuple[Groups, Floats]:
    """The group of each run; and its score, its negative and positive rows, and those below it of its group.

    Returns int32[num_runs] and float64[5, num_runs]. Cost: about 5 ns a row.
    """
    num_runs, num_groups = int(runs.offsets[-1]), len(runs.offsets) - 1
    native = library()
    if native is not None:
        group = np.empty(num_runs, np.int32)
        told = np.zeros((5, num_runs))  # one piece: large ones come in large pages
        rows = pointer(runs.along), pointer(order.score), pointer(order.label), len(order.rows)
        native.hr_fill_runs(*rows, pointer(runs.offsets), num_groups, pointer(group), *(pointer(one) for one in told))
        return group, told
    lengths = np.diff(runs.offsets)
    group = np.repeat(np.arange(num_groups, dtype=np.int32), lengths)
    score = np.empty(num_runs)
    score[runs.along] = order.score
    every = np.bincount(runs.along, minlength=num_runs).astype(np.float64)
    positive = np.bincount(runs.along, weights=order.label, minlength=num_runs).astype(np.float64)
    below = []
    for one in (every - positive, positive):
        through = np.concatenate([[0.0], np.cumsum(one)])
        below.append(through[:-1] - np.repeat(through[runs.offsets[:-1]], lengths))
    return group, np.stack([score, every - positive, positive, *below])


def ranked_pairs(group: Groups, positive: Floats, negative: Floats, below: Floats, num_groups: int) -> Floats:
    """Pairs of rows ranked rightly, ties half, float64[num_groups]: of runs with their classes and negatives below."""
    native = library()
    if native is not None:
        found = np.zeros(num_groups)
        runs = pointer(group), pointer(positive), pointer(negative), pointer(below)
        native.hr_ranked_pairs(*runs, len(group), pointer(found))
        return found
    # bincount adds one after the other: the same bits on every machine.
    return np.bincount(group, weights=positive * (below + 0.5 * negative), minlength=num_groups).astype(np.float64)


def ranked_shares(
    group: Groups, of_runs: tuple[Floats, Floats, Floats, Floats], totals: tuple[Floats, Floats], area: Floats
) -> Floats:
    """How rightly each run ranks either class (negative, positive), less the area, by its weight: float64[num_runs, 2].

    `of_runs` are its negative and positive rows and those below it, `totals` those of its group; NaN where one is 0.
    """
    native = library()
    if native is not None:
        found = np.empty((len(group), 2))
        totals, area = (np.ascontiguousarray(totals[0]), np.ascontiguousarray(totals[1])), np.ascontiguousarray(area)
        runs = pointer(group), *(pointer(one) for one in of_runs), len(group)
        native.hr_ranked_shares(*runs, *(pointer(one) for one in (*totals, area, found)))
        return found
    negative, positive, negative_below, positive_below = of_runs
    all_negative, all_positive = (np.where(one == 0.0, np.nan, one)[group] for one in totals)
    with np.errstate(all="ignore"):
        beaten, below = negative_below + 0.5 * negative, positive_below + 0.5 * positive
        of_negative = (1.0 - below / all_positive - area[group]) / all_negative
        return np.column_stack([of_negative, (beaten / all_negative - area[group]) / all_positive])

"""Sums by group of floats that rows add, and where rows are in a score curve: C where it is there, else NumPy.

Both add one row after the other, in the order of the rows, so that they give the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from headrace.fold.kernels.native import library, pointer

__all__ = [
    "add_moments",
    "class_moments",
    "class_rows",
    "count_codes",
    "find_keys",
    "score_keys",
    "slope_moments",
    "slope_rows",
]

Floats = npt.NDArray[np.float64]
Groups = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint64]


def _double(values: npt.NDArray[Any]) -> Floats:
    return np.ascontiguousarray(values, np.float64)


def _pointers(arrays: Sequence[Floats | None]) -> npt.NDArray[np.uintp]:
    return np.array([0 if one is None else pointer(one) for one in arrays], np.uintp)


def slope_rows(
    terms: Sequence[npt.NDArray[Any] | None], slopes: Sequence[Floats], groups: Groups, weight: Floats | None = None
) -> Floats:
    """The sum over terms of the slope of a row's group times the row's term, times the row's weight: float64[num_rows].

    A term that is None is 1 in every row. Cost: about 1 ns a row and term.
    """
    native = library()
    if native is not None:
        held = [None if term is None else _double(term) for term in terms]
        by_group = [_double(slope) for slope in slopes]
        groups = np.ascontiguousarray(groups, np.int32)
        factor = None if weight is None else _double(weight)
        moved = np.empty(len(groups))
        tables = _pointers(held), _pointers(by_group)
        native.hr_slope_rows(
            pointer(tables[0]),
            pointer(tables[1]),
            len(held),
            pointer(groups),
            len(groups),
            0 if factor is None else pointer(factor),
            pointer(moved),
        )
        return moved
    found = np.zeros(len(groups))
    with np.errstate(all="ignore"):
        for term, slope in zip(terms, slopes, strict=True):
            found += slope[groups] if term is None else slope[groups] * term
        return found if weight is None else found * weight


def add_moments(sums: Floats, moved: Floats, first: Floats | None, groups: Groups) -> None:
    """Add each row to its group's sums float64[5, num_groups], row after row, in place.

    Of `moved` its square and its fourth power; and where there is a `first`, their product, and the square and fourth
    power of their difference. Cost: about 2 ns a row.
    """
    native = library()
    if native is not None:
        moved, groups = _double(moved), np.ascontiguousarray(groups, np.int32)
        other = None if first is None else _double(first)
        at = 0 if other is None else pointer(other)
        native.hr_add_moments(pointer(moved), at, pointer(groups), len(groups), sums.shape[1], pointer(sums))
        return
    with np.errstate(all="ignore"):
        square = moved * moved
        np.add.at(sums[0], groups, square)
        np.add.at(sums[1], groups, square * square)
        if first is not None:
            apart = np.square(first - moved)
            np.add.at(sums[2], groups, first * moved)
            np.add.at(sums[3], groups, apart)
            np.add.at(sums[4], groups, apart * apart)


def _add(sums: Floats, moved: Sequence[Floats], groups: Groups) -> None:
    """The twin of what the two kernels below add: each row's moments to sums float64[num_groups, num_models, 5]."""
    for model, one in enumerate(moved):
        into = np.zeros((5, len(sums)))
        into[:] = sums[:, model].T
        add_moments(into, one, moved[0] if model else None, groups)
        sums[:, model] = into.T


def slope_moments(
    sums: Floats,
    terms: Sequence[Sequence[npt.NDArray[Any] | None]],
    slopes: Floats,
    tables: Sequence[Floats | None],
    label: Floats,
    groups: Groups,
    weight: Floats | None,
) -> None:
    """`slope_rows` and `add_moments` of several models in one pass over the rows, in place.

    Parameters
    ----------
    sums : float64[num_groups, num_models, 5]
        What `add_moments` makes, by model; `first` is the first model's.
    terms : by model, sequence of arrays of [num_rows]
        As of `slope_rows`.
    slopes : float64[num_groups, num_models, num_terms]
        Of each group.
    tables : by model, float64[num_groups, 2] or None
        What a row of label 0 and 1 moves, of a model that says the same of all rows: no terms are read.
    label, weight : float64[num_rows]
        Of the rows.

    Cost: about 4 ns a row and model.
    """
    native = library()
    if native is not None:
        num_terms = slopes.shape[2]
        held = [[None if term is None else _double(term) for term in own] or [None] * num_terms for own in terms]
        told = [None if table is None else _double(table) for table in tables]
        label, groups = _double(label), np.ascontiguousarray(groups, np.int32)
        factor = None if weight is None else _double(weight)
        at = _pointers([term for own in held for term in own]), _pointers(told)
        native.hr_slope_moments(
            pointer(at[0]),
            pointer(slopes),
            len(terms),
            num_terms,
            pointer(at[1]),
            pointer(label),
            pointer(groups),
            len(groups),
            0 if factor is None else pointer(factor),
            pointer(sums),
        )
        return
    moved = []
    for model, (own, table) in enumerate(zip(terms, tables, strict=True)):
        if table is None:
            moved.append(slope_rows(own, list(slopes[:, model].T), groups, weight))
        else:
            found = table[groups, (label == 1.0).astype(np.int64)]
            moved.append(found if weight is None else found * weight)
    _add(sums, moved, groups)


def class_moments(
    sums: Floats,
    label: Floats,
    groups: Groups,
    runs: Sequence[Groups],
    of_classes: Sequence[Floats],
    factors: Floats,
    weight: Floats | None,
) -> None:
    """`class_rows` and `add_moments` of several models in one pass over the rows, in place.

    Parameters
    ----------
    sums : float64[num_groups, num_models, 5]
        As of `slope_moments`.
    label, weight : float64[num_rows]
        Of the rows.
    runs : by model, int32[num_rows]
        The run of each row.
    of_classes : by model, float64[num_runs, 2]
        What a negative and a positive row of the run moves.
    factors : float64[num_groups, 2]
        By group and class.

    Cost: about 5 ns a row and model.
    """
    native = library()
    if native is not None:
        label, groups = _double(label), np.ascontiguousarray(groups, np.int32)
        held = [np.ascontiguousarray(one, np.int32) for one in runs]
        told, factors = [_double(one) for one in of_classes], _double(factors)
        factor = None if weight is None else _double(weight)
        at = np.array([pointer(one) for one in held], np.uintp), _pointers(told)
        native.hr_class_moments(
            pointer(label),
            pointer(groups),
            len(groups),
            pointer(at[0]),
            len(held),
            pointer(at[1]),
            pointer(factors),
            0 if factor is None else pointer(factor),
            pointer(sums),
        )
        return
    by_class = np.ascontiguousarray(factors[:, 0]), np.ascontiguousarray(factors[:, 1])
    moved = [
        class_rows(label, groups, run.astype(np.int64), (own[:, 0].copy(), own[:, 1].copy()), by_class)
        for run, own in zip(runs, of_classes, strict=True)
    ]
    _add(sums, moved if weight is None else [one * weight for one in moved], groups)


def count_codes(codes: npt.NDArray[np.uint8], groups: Groups, num_groups: int, num_codes: int) -> npt.NDArray[np.int64]:
    """How many rows of each group have each code, int64[num_groups, num_codes]. Cost: about 1 ns a row."""
    native = library()
    if native is None:
        places = groups.astype(np.int64) * num_codes + codes
        return np.bincount(places, minlength=num_groups * num_codes).reshape(num_groups, num_codes).astype(np.int64)
    codes, groups = np.ascontiguousarray(codes), np.ascontiguousarray(groups, np.int32)
    table = np.zeros((num_groups, num_codes), np.int64)
    native.hr_count_codes(pointer(codes), pointer(groups), len(codes), num_codes, pointer(table))
    return table


def class_rows(
    label: Floats,
    groups: Groups,
    runs: npt.NDArray[np.int64] | None,
    of_classes: tuple[Floats, Floats],
    factors: tuple[Floats, Floats],
) -> Floats:
    """What a row of either class (negative, positive) says at its run, times its group's factor: float64[num_rows].

    `runs` None: `of_classes` are by row. Cost: about 3 ns a row.
    """
    native = library()
    if native is not None:
        label, groups = _double(label), np.ascontiguousarray(groups, np.int32)
        negative, positive = map(_double, of_classes)
        less, more = map(_double, factors)
        told = np.empty(len(label))
        at = 0 if runs is None else pointer(runs)
        of_classes_at = pointer(positive), pointer(negative), pointer(more), pointer(less)
        native.hr_class_rows(pointer(label), pointer(groups), at, len(label), *of_classes_at, pointer(told))
        return told
    is_positive = label == 1.0
    negative, positive = of_classes if runs is None else (of_classes[0][runs], of_classes[1][runs])
    with np.errstate(all="ignore"):
        factor = np.where(is_positive, factors[1][groups], factors[0][groups])
        return np.asarray(np.where(is_positive, positive, negative) * factor, np.float64)


def score_keys(scores: Floats, groups: Groups) -> Words | None:
    """Keys that sort as (group, score) do, uint64[num_rows]; None where a score is no float32 number.

    No score may be -0.0.
    """
    native = library()
    if native is not None:
        scores, groups = _double(scores), np.ascontiguousarray(groups, np.int32)
        keys = np.empty(len(scores), np.uint64)
        is_single = native.hr_score_keys(pointer(scores), pointer(groups), len(scores), pointer(keys))
        return keys if is_single else None
    with np.errstate(over="ignore", invalid="ignore"):
        single = scores.astype(np.float32)
    if not np.array_equal(single, scores):
        return None
    bits = single.view(np.uint32)
    ordered = np.where(bits >> np.uint32(31), ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
    return groups.astype(np.uint64) << np.uint64(32) | ordered


def find_keys(keys: Words, asked: Words) -> npt.NDArray[np.int64]:
    """Where each of `asked` is among ascending keys (at least one), int64; of one that is not there, any place.

    Cost: about 15 ns a row.
    """
    native = library()
    found = np.empty(len(asked), np.int64)
    if native is not None:
        scratch = np.empty(4 * len(asked), np.uint64)
        native.hr_find_keys(pointer(keys), len(keys), pointer(asked), len(asked), pointer(scratch), pointer(found))
        return found
    order = np.argsort(asked)  # looking up neighbours one after the other stays in the cache
    found[order] = np.minimum(np.searchsorted(keys, asked[order]), len(keys) - 1)
    return found

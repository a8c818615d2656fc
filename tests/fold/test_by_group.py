"""Sums by group and places in a curve: the compiled kernels and their NumPy twins give the same bits."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from headrace.fold._fixed_point import sum_cells, to_float
from headrace.fold.kernels.by_group import (
    add_moments,
    class_moments,
    class_rows,
    count_codes,
    find_keys,
    score_keys,
    slope_moments,
    slope_rows,
)
from headrace.fold.kernels.native import library, without_native
from headrace.fold.replicates import poisson_counts

pytestmark = pytest.mark.skipif(library() is None, reason="no compiled kernels here: the twins are all there is")

ODD = [0.0, -0.5, 2.0**-41, -(2.0**-41), 3 * 2.0**-41, 2.0**11 + 2.0**-41, 2.0**49, -(2.0**49), 1 / 3]


def both(call):
    """What the kernel gives and what the twin gives."""
    found = call()
    with without_native():
        return found, call()


@pytest.fixture(params=[0, 1, 1000])
def rows(request):
    """(groups, three columns of floats with odd ones among them)."""
    generator = np.random.default_rng(request.param)
    columns = [generator.standard_normal(request.param) * 10.0 ** generator.integers(-9, 9) for _ in range(3)]
    columns[0][: len(ODD)] = ODD[: request.param]
    return generator.integers(0, 7, request.param).astype(np.int32), columns


def test_words_are_the_exact_sums(rows):
    """Kernel and twin agree to the bit, with and without counts; fractions say the same, to half a unit a row."""
    groups, columns = rows
    counts = (np.arange(len(groups)) % 5).astype(np.uint8)
    for times in (None, counts):
        for size, by in ((7, groups), (1, np.zeros_like(groups))):

            def words(size=size, by=by, times=times):
                return sum_cells(columns, by, size, times, is_whole=[False] * 3)

            found, twin = both(words)
            assert np.array_equal(found[0], twin[0])
            assert np.array_equal(found[1], twin[1])
            for cell, column in enumerate(columns):
                for group in range(size):
                    taken = [
                        Fraction(value) * (1 if times is None else int(times[row]))
                        for row, value in enumerate(column.tolist())
                        if by[row] == group
                    ]
                    off = abs(Fraction(float(to_float(*found)[group, cell])) - sum(taken, Fraction(0)))
                    assert off <= Fraction(len(taken) * 5, 2**41) + abs(sum(taken, Fraction(0))) / 2**52


def test_what_rows_move_is_the_same(rows):
    """Slopes times terms, weights, and products added row after row: the same bits, NaN where a term is NaN."""
    groups, columns = rows
    terms = [None, columns[0], columns[1] > 0.0]
    slopes = [np.linspace(-1.0, 1.0, 7) / 3.0 for _ in terms]
    if len(groups):
        columns[0][-1] = np.nan
    for weight in (None, np.abs(columns[2])):
        found, twin = both(lambda weight=weight: slope_rows(terms, slopes, groups, weight))
        assert found.tobytes() == twin.tobytes()

    def products():
        sums = np.zeros((5, 7))
        add_moments(sums, columns[1], columns[2], groups)
        add_moments(sums, columns[2], None, groups)
        return sums

    found, twin = both(products)
    assert found.tobytes() == twin.tobytes()


def test_classes_are_told_apart(rows):
    """By row, and by run."""
    groups, columns = rows
    label = (columns[0] > 0.0).astype(float)
    factors = np.linspace(1.0, 2.0, 7), np.linspace(2.0, 3.0, 7)
    by_run = np.linspace(0.0, 1.0, 7), np.linspace(1.0, 0.0, 7)
    for runs, of_classes in ((None, (columns[1], columns[2])), (groups.astype(np.int64), by_run)):
        found, twin = both(lambda r=runs, o=of_classes: class_rows(label, groups, r, o, factors))
        assert found.tobytes() == twin.tobytes()


def test_moments_of_several_models_are_those_of_each(rows):
    """One pass gives the bits of one kernel after the other, with and without weights; a table stands for terms."""
    groups, columns = rows
    label = (columns[0] > 0.0).astype(float)
    slopes = np.linspace(-1.0, 1.0, 7 * 2 * 3).reshape(7, 2, 3) / 3.0
    table = np.linspace(-1.0, 1.0, 14).reshape(7, 2) / 7.0
    terms = [[None, label, columns[1] > 0.0], [None, label, columns[2]]]
    for tables in ([None, None], [None, table]):
        for weight in (None, np.abs(columns[2])):

            def moments(tables=tables, weight=weight):
                sums = np.zeros((7, 2, 5))
                own = [terms[0], [] if tables[1] is not None else terms[1]]
                slope_moments(sums, own, slopes, tables, label, groups, weight)
                return sums

            found, twin = both(moments)
            assert found.tobytes() == twin.tobytes()
            moved = [slope_rows(one, list(slopes[:, at].T), groups, weight) for at, one in enumerate(terms)]
            if tables[1] is not None:
                moved[1] = table[groups, label.astype(int)] * (1.0 if weight is None else weight)
            for model in (0, 1):
                sums = np.zeros((5, 7))
                add_moments(sums, moved[model], moved[0] if model else None, groups)
                assert sums.tobytes() == np.ascontiguousarray(found[:, model].T).tobytes()


def test_moments_of_classes_are_those_of_each(rows):
    """One pass over runs gives the bits of `class_rows` and `add_moments`."""
    groups, columns = rows
    label = (columns[0] > 0.0).astype(float)
    factors = np.linspace(1.0, 3.0, 14).reshape(7, 2)
    runs = [(np.arange(len(groups)) % 5).astype(np.int32), groups]
    of_classes = [np.linspace(-1.0, 1.0, 2 * size).reshape(size, 2) / 3.0 for size in (5, 7)]
    for weight in (None, np.abs(columns[2])):

        def moments(weight=weight):
            sums = np.zeros((7, 2, 5))
            class_moments(sums, label, groups, runs, of_classes, factors, weight)
            return sums

        found, twin = both(moments)
        assert found.tobytes() == twin.tobytes()
        moved = [
            class_rows(label, groups, run.astype(np.int64), tuple(own.T.copy()), tuple(factors.T.copy()))
            * (1.0 if weight is None else weight)
            for run, own in zip(runs, of_classes, strict=True)
        ]
        for model in (0, 1):
            sums = np.zeros((5, 7))
            add_moments(sums, moved[model], moved[0] if model else None, groups)
            assert sums.tobytes() == np.ascontiguousarray(found[:, model].T).tobytes()


def test_codes_are_counted(rows):
    """By group and code."""
    groups, columns = rows
    codes = (columns[0] > 0.0).view(np.uint8) | (columns[1] > 0.0).view(np.uint8) << np.uint8(1)
    found, twin = both(lambda: count_codes(codes, groups, 7, 4))
    assert np.array_equal(found, twin)
    assert found.sum() == len(groups)
    assert found[3, 2] == ((groups == 3) & (codes == 2)).sum()


def test_rows_are_drawn_alike(rows):
    """Every replicate of every row, from ids of all bits."""
    ids = np.random.default_rng(len(rows[0])).integers(0, 2**64, 50 * len(rows[0]), np.uint64)
    for replicate, seed in ((1, 0), (200, 0), (7, 12345678901)):
        found, twin = both(lambda replicate=replicate, seed=seed: poisson_counts(ids, replicate, seed))
        assert found.dtype == twin.dtype == np.uint8
        assert np.array_equal(found, twin)


def test_scores_are_found(rows):
    """Keys sort as (group, score) do, and each row is found at its key; numbers that are no float32 have none."""
    groups, columns = rows
    scores = columns[1].astype(np.float32).astype(np.float64) + 0.0
    keys, twin = both(lambda: score_keys(scores, groups))
    assert np.array_equal(keys, twin)
    assert np.array_equal(np.argsort(keys, kind="stable"), np.lexsort((scores, groups)))
    if len(groups):
        sorted_keys = np.unique(keys)
        found, twin = both(lambda: find_keys(sorted_keys, keys))
        assert np.array_equal(sorted_keys[found], keys)
        assert np.array_equal(found, twin)
        assert both(lambda: score_keys(np.full(len(groups), 1 / 3), groups)) == (None, None)
        assert both(lambda: score_keys(np.full(len(groups), 1e300), groups)) == (None, None)

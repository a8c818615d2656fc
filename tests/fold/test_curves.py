"""Score curves from one order of the rows: the compiled kernels and their NumPy twins give the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from headrace.fold.kernels.curves import fill_runs, order_scores, place_runs, ranked_pairs, ranked_shares
from headrace.fold.kernels.native import library, without_native

pytestmark = pytest.mark.skipif(library() is None, reason="no compiled kernels here: the twins are all there is")

NUM_GROUPS = 5  # the last has no rows


def both(call):
    """What the kernel gives and what the twin gives."""
    found = call()
    with without_native():
        return found, call()


def same(found, twin):
    """Whether both are the same arrays, in types and bits."""
    return all(one.dtype == two.dtype and one.tobytes() == two.tobytes() for one, two in zip(found, twin, strict=True))


@pytest.fixture(params=[0, 1, 7, 3000])
def rows(request):
    """(scores with ties, labels, groups)."""
    generator = np.random.default_rng(request.param)
    scores = np.round(generator.normal(size=request.param), 2).astype(np.float32).astype(np.float64) + 0.0
    scores[: request.param // 7] = np.inf
    label = (generator.random(request.param) < 0.3).astype(float)
    return scores, label, generator.integers(0, NUM_GROUPS - 1, request.param).astype(np.int32)


def test_rows_are_put_in_order(rows):
    """By score, then by row; scores that are no float32 numbers, too."""
    scores, label, _ = rows
    for given in (scores, scores / 3.0, np.zeros_like(scores), np.full_like(scores, 1e300)):
        found, twin = both(lambda given=given: order_scores(given, label))
        assert same(found, twin)
        assert np.array_equal(found.rows, np.lexsort((np.arange(len(given)), given)))
        assert np.array_equal(found.score, given[found.rows])
        assert np.array_equal(found.label, label[found.rows] == 1.0)
        assert np.array_equal(np.unique(given)[found.code], given[found.rows]) or not len(given)


def test_runs_are_those_of_each_group(rows):
    """Each group's scores once, ascending, with the rows of either class that have them and those below."""
    scores, label, groups = rows
    order = order_scores(scores, label)
    runs, twin = both(lambda: place_runs(order, groups, NUM_GROUPS))
    assert same(runs, twin)
    (group, found), (twin_group, twin_found) = both(lambda: fill_runs(order, runs))
    assert same([group, *found], [twin_group, *twin_found])
    for own in range(NUM_GROUPS):
        mine, part = groups == own, slice(*runs.offsets[own : own + 2])
        assert np.array_equal(found[0][part], np.unique(scores[mine]))
        assert (group[part] == own).all()
        for at, score in enumerate(found[0][part].tolist(), part.start):
            for turn, of_class in enumerate((label == 0.0, label == 1.0)):
                assert found[1 + turn][at] == (mine & of_class & (scores == score)).sum()
                assert found[3 + turn][at] == (mine & of_class & (scores < score)).sum()
            if at > part.start + 20:
                break
    assert np.array_equal(found[0][runs.run], scores)
    assert np.array_equal(runs.along, runs.run[order.rows])


def test_ranks_are_counted(rows):
    """Pairs and shares: the same bits, NaN where a class has no row."""
    scores, label, groups = rows
    order = order_scores(scores, label)
    group, (_, negative, positive, *below) = fill_runs(order, place_runs(order, groups, NUM_GROUPS))
    found, twin = both(lambda: ranked_pairs(group, positive, negative, below[0], NUM_GROUPS))
    assert found.tobytes() == twin.tobytes()
    totals = tuple(np.bincount(group, one, NUM_GROUPS).astype(float) for one in (negative, positive))
    area = found / np.where(totals[0] * totals[1] == 0.0, np.nan, totals[0] * totals[1])
    shares, twins = both(lambda: ranked_shares(group, (negative, positive, *below), totals, area))
    assert np.array_equal(shares, twins, equal_nan=True)
